class P2PBackend:
    name='p2p'
    def __init__(self,c): pass
class PeerConfig:
    def __init__(self,**k): pass
