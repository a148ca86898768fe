// The page's texts in Korean. Values stand in braces; both languages have the same keys.

export const KOREAN = {
  // The top line
  "head.title": "파일 하나, 두 가지 방식",
  "head.time": "실행 시간",
  "head.language": "English",
  "head.language.name": "Switch to English",
  "head.language.code": "en",
  "head.speed": "실제 시간의 {speed}배",
  "head.slow": "요청 {speed}배, 실제 {pace}배",
  "head.watching": "보기 전용입니다",
  "head.watchers": "보고 있는 화면: {count}개",
  "head.recording": "녹화",
  "head.contested": "다른 화면에서 조작 중입니다",
  "head.take": "조작 넘겨받기",
  "state.ready": "준비",
  "state.running": "실행 중",
  "state.held": "일시 정지",
  "state.over": "종료",
  "connection.waiting": "데모에 연결하는 중입니다 …",
  "connection.lost": "연결이 끊어졌습니다. 다시 연결하는 중입니다 …",
  "connection.ended": "데모가 종료되었습니다.",

  // The two sides
  "side.central": "중앙 서버",
  "side.p2p": "P2P(피어 투 피어)",
  "stage.role": "호스트 그림",
  "stage.side": "{side}: 클라이언트 {clients}대 중 {done}대가 파일을 다 받았습니다.",
  "stage.nobody": "선택한 호스트가 없습니다. 화살표 키로 선택합니다.",
  "stage.selected": "선택: {name}, 파일의 {share}%, {state}.",
  "host.is.up": "동작 중",
  "host.is.killed": "꺼짐",
  "host.is.cut": "링크 끊김",
  "host.is.slowed": "링크 느림",
  "host.is.absent": "아직 참여하지 않음",
  "card.close": "닫기",
  "chart.uplink": "시간에 따른 원본 호스트의 업링크 사용량, 두 방식",
  "chart.completions": "시간에 따른 수신 완료 클라이언트 수, 두 방식",

  // The teacher's bar
  "control.start": "시작",
  "control.pause": "일시 정지",
  "control.resume": "계속",
  "control.step": "한 단계",
  "control.reset": "처음으로",
  "control.speed": "속도",
  "control.times": "{speed}배",
  "control.settings": "설정",
  "control.lessons": "수업",
  "control.kill": "서버 끄기",
  "control.revive": "서버 다시 켜기",
  "control.random": "임의의 호스트 끄기",
  "control.add": "호스트 10대 추가",
  "control.host": "호스트 선택",
  "host.kill": "끄기",
  "host.revive": "다시 켜기",
  "host.cut": "링크 끊기",
  "host.slow": "느리게",
  "host.restore": "링크 복구",
  "form.about": "적용하면 새로 시작합니다.",
  "form.apply": "적용",
  "form.range": "{least} ~ {most}",
  "field.clients": "클라이언트 수",
  "field.file_size": "파일 크기",
  "field.origin_up": "원본 호스트의 업링크",
  "field.peer_up": "피어당 업링크",
  "field.latency": "지연 시간(편도)",
  "field.riders": "무임승차자 수",
  "field.seed": "난수 시드",
  "field.speed": "속도",

  // What could not be done
  "error.range": "{field}: {given} 값은 사용할 수 없습니다. 허용 범위는 {least} ~ {most}입니다.",
  "error.quantity": "{field}: “{given}” 값을 이해할 수 없습니다. 예: {example}",
  "error.lesson": "“{given}” 수업은 없습니다.",
  "error.student": "교수자의 화면에서만 조작할 수 있습니다.",
  "error.contested": "다른 화면에서 조작 중입니다. “조작 넘겨받기”로 바꿀 수 있습니다.",
  "error.unknown": "데모가 이 화면의 요청을 이해하지 못했습니다: {reason}",
  "error.late": "지금은 할 수 없습니다.",
  "error.most": "클라이언트는 최대 {most}대입니다.",
  "error.full": "이미 {most}개의 화면이 보고 있어 더 들어올 수 없습니다.",
  "error.failed": "실행이 중단되었습니다: {message}",
  "error.replay": "녹화된 실행이므로 바꿀 수 없습니다.",

  // The log
  "log.title": "기록",
  "log.start": "실행 시작",
  "log.pause": "일시 정지",
  "log.resume": "계속",
  "log.step": "한 단계 진행",
  "log.speed": "속도 {speed}배",
  "log.kill": "{who} 꺼짐",
  "log.kill.server": "서버 꺼짐",
  "log.revive": "{who} 다시 켜짐",
  "log.revive.server": "서버 다시 켜짐",
  "log.cut": "{who} 링크 끊김",
  "log.cut.server": "서버 링크 끊김",
  "log.slow": "{who} 링크 속도 10분의 1",
  "log.slow.server": "서버 링크 속도 10분의 1",
  "log.restore": "{who} 링크 복구",
  "log.restore.server": "서버 링크 복구",
  "log.add": "호스트 {count}대 참여",
  "log.finished": "{side}: 완료",
  "log.stalled": "{side}: 진행 멈춤, 못 받은 호스트 {left}대",
  "log.failed": "실행이 중단되었습니다: {message}",

  // A recording
  "replay.play": "재생",
  "replay.back": "처음으로",
  "replay.scrub": "재생 위치",
  "replay.speed": "재생 속도",
  "replay.time": "{t} / {end}",

  // Keys
  "help.title": "키보드와 마우스",
  "help.mouse":
    "호스트를 가리키면 카드가 보입니다. 클릭하면 두 방식 모두에서 그 호스트를 끄거나 다시 켭니다. " +
    "오른쪽 클릭이나 터치는 카드를 단추와 함께 열어 둡니다.",
  "help.close": "닫기",
  "key.start": "시작, 일시 정지",
  "key.step": "한 단계",
  "key.reset": "같은 시드로 처음부터",
  "key.speed": "빠르게, 느리게",
  "key.server": "서버 끄기, 켜기",
  "key.random": "임의의 호스트 끄기",
  "key.add": "호스트 10대 추가",
  "key.side": "다른 방식으로 이동",
  "key.move": "호스트 선택",
  "key.toggle": "선택한 호스트 끄기, 켜기",
  "key.cut": "링크 끊기",
  "key.slow": "링크 느리게",
  "key.restore": "링크 복구",
  "key.lesson": "수업",
  "key.free": "자유 모드",
  "key.language": "English",
  "key.help": "이 목록",

  // The guided mode
  "lesson.number": "수업 {number}",
  "lesson.free": "자유 모드",
  "lesson.next": "다음 수업",
  "lesson.again": "다시 실행하기",
  "lesson.run": "실행하기",
  "lesson.play": "재생하기",
  "lesson.wait": "교수자가 실행을 시작합니다.",
  "lesson.said": "나의 예측: “{answer}”",
  "lesson.unsaid": "예측을 고르지 않았습니다.",
  "lesson.right": "실행 결과와 일치합니다.",
  "lesson.wrong": "실행 결과는 다릅니다.",
  "lesson.undecided": "이 실행으로는 판단할 수 없습니다.",
  "lesson.none": "이 실행은 세 가지 답 중 어느 것도 뒷받침하지 않습니다.",
  "lesson.unfinished":
    "모두가 파일을 받지는 못했습니다. 중앙 서버: {clients}대 중 {central}대, P2P: {clients}대 중 {p2p}대.",

  "lesson.load.title": "부하",
  "lesson.load.scene":
    "클라이언트 {clients}대가 동시에 같은 파일을 원합니다. 왼쪽에서는 서버 한 대가 모두에게 보냅니다. " +
    "오른쪽에서는 모두가 피어이므로, 조각을 가진 피어가 다른 피어에게 전해 줍니다.",
  "lesson.load.question": "모두가 파일을 받았을 때, 원본 호스트는 파일을 몇 번 보냈을까요?",
  "lesson.load.answer0": "두 방식 모두 몇 번",
  "lesson.load.answer1": "서버는 약 {clients}번, P2P에서는 몇 번",
  "lesson.load.answer2": "두 방식 모두 약 {clients}번",
  "lesson.load.figures":
    "클라이언트 {clients}대에게 중앙 서버는 파일을 {central}번, P2P의 원본 호스트는 {p2p}번 보냈습니다.",
  "lesson.load.why0": "두 방식 모두 원본 호스트가 클라이언트마다 사본을 보낼 필요가 없었습니다.",
  "lesson.load.why1":
    "서버는 모든 사본을 직접 보내므로 클라이언트가 늘수록 부하가 커집니다. 피어는 대부분의 사본을 " +
    "서로 주고받습니다.",
  "lesson.load.why2":
    "이번에는 피어들이 거의 전해 주지 않아서 원본 호스트가 서버처럼 일했습니다.",

  "lesson.outage.title": "서버 장애",
  "lesson.outage.scene":
    "클라이언트 {clients}대가 파일을 받습니다. 원본 호스트는 모든 조각을 한 번 이상 보낼 만한 시간이 " +
    "지나면 두 방식 모두에서 꺼지고 다시 켜지지 않습니다.",
  "lesson.outage.question": "결국 누가 파일 전체를 받게 될까요?",
  "lesson.outage.answer0": "두 방식 모두 거의 아무도 못 받습니다",
  "lesson.outage.answer1": "두 방식 모두 거의 다 받습니다",
  "lesson.outage.answer2": "왼쪽은 거의 아무도 못 받고, 오른쪽은 거의 다 받습니다",
  "lesson.outage.figures":
    "원본 호스트가 꺼진 뒤 끝까지 파일을 받은 호스트는 중앙 서버에서 {clients}대 중 {central}대, " +
    "P2P에서 {clients}대 중 {p2p}대입니다.",
  "lesson.outage.alive": "이 실행에서는 원본 호스트가 동작 중이므로 장애를 보여 주지 않습니다.",
  "lesson.outage.why0": "두 방식 모두 일부 조각이 원본 호스트에만 있었습니다.",
  "lesson.outage.why1": "두 방식 모두 꺼지기 전에 원본 호스트가 충분히 보냈습니다.",
  "lesson.outage.why2":
    "파일을 보낼 수 있는 것은 서버뿐이었습니다. 피어들은 모든 조각을 나누어 가지고 있어서 서로 전해 " +
    "주었습니다.",

  "lesson.late.title": "늦은 참여",
  "lesson.late.scene":
    "클라이언트 {first}대가 먼저 시작합니다. 중앙 서버가 필요로 하는 시간의 절반쯤 지났을 때 {late}대가 더 " +
    "들어와 같은 파일을 원합니다.",
  "lesson.late.question": "늦게 온 호스트는 들어온 때부터 얼마나 기다릴까요?",
  "lesson.late.answer0": "중앙 서버에서 더 오래 기다립니다",
  "lesson.late.answer1": "두 방식이 비슷합니다",
  "lesson.late.answer2": "P2P에서 더 오래 기다립니다",
  "lesson.late.figures":
    "{came} 뒤에 들어온 {late}대가 기다린 평균 시간은 중앙 서버 {central}, P2P {p2p}입니다.",
  "lesson.late.nobody": "이 실행에서는 늦게 들어온 호스트가 없습니다.",
  "lesson.late.why0":
    "늦게 온 클라이언트는 하나의 업링크를 모두와 나누어 씁니다. 늦게 온 피어는 조각을 가진 피어를 많이 " +
    "만나고, 자신의 업링크도 보탭니다.",
  "lesson.late.why1": "이번에는 늦게 온 피어가 만난 업링크가 큰 차이를 만들지 못했습니다.",
  "lesson.late.why2": "이번에는 늦게 온 호스트에게 피어들이 서버 한 대보다 느렸습니다.",

  "lesson.slow.title": "느린 원본 호스트",
  "lesson.slow.scene":
    "원본 호스트의 업링크({origin})는 피어 {clients}대 각각의 업링크({peer})의 절반 속도입니다.",
  "lesson.slow.question": "모든 피어가 파일을 받을 때까지 얼마나 걸릴까요?",
  "lesson.slow.answer0": "원본 호스트가 한 번 보내는 시간보다 짧습니다. 피어가 더 빠르기 때문입니다",
  "lesson.slow.answer1": "원본 호스트가 파일을 한 번 보내는 시간과 비슷합니다",
  "lesson.slow.answer2": "그 시간의 약 {clients}배가 걸립니다",
  "lesson.slow.figures":
    "모든 피어가 파일을 받기까지 걸린 시간: {p2p}. 원본 호스트가 한 번 보내는 시간(F/us): {copy}. " +
    "그 {times}배입니다.",
  "lesson.slow.why0": "이론의 하한보다 짧습니다. 다른 곳에서 조각을 받은 호스트가 있습니다.",
  "lesson.slow.why1":
    "모든 조각은 적어도 한 번 원본 호스트를 떠나야 하므로 그보다 빠를 수는 없습니다. 피어들은 다음 " +
    "조각이 오는 동안 받은 조각을 전해 줍니다.",
  "lesson.slow.why2": "이번에는 원본 호스트가 피어 수만큼의 사본을 보냈습니다.",

  "lesson.riders.title": "무임승차",
  "lesson.riders.scene":
    "피어 둘 중 하나는 받기만 하고 거의 주지 않습니다. {clients}대 중 {riders}대가 무임승차자입니다. " +
    "나머지는 가진 조각을 전해 줍니다.",
  "lesson.riders.question": "오른쪽 P2P에서 누가 파일을 더 오래 기다릴까요?",
  "lesson.riders.answer0": "무임승차자",
  "lesson.riders.answer1": "둘이 비슷합니다",
  "lesson.riders.answer2": "주는 피어",
  "lesson.riders.figures": "파일을 받기까지 걸린 평균 시간: 주는 피어 {givers}, 무임승차자 {takers}.",
  "lesson.riders.nobody": "이 실행에는 주는 피어와 무임승차자가 함께 있지 않습니다.",
  "lesson.riders.why0":
    "피어는 자신에게 보내 주는 피어에게 먼저 보냅니다(팃포탯). 무임승차자는 남는 것을 받습니다.",
  "lesson.riders.why1":
    "피어는 주는 피어를 우선하지만, 무임승차자가 주지 않은 만큼은 모두에게 모자랍니다.",
  "lesson.riders.why2": "이번에는 주는 것이 이득이 되지 않았습니다. 주는 피어가 더 늦게 받았습니다.",

  // The pictures
  "picture.side.central": "서버",
  "picture.side.p2p": "P2P",
  "picture.server": "서버",
  "picture.origin": "원본",
  "picture.finished": "파일을 다 받은 클라이언트",
  "picture.sent.central": "서버가 보낸 양 (F: 파일 크기)",
  "picture.sent.p2p": "원본 호스트가 보낸 양 (F: 파일 크기)",
  "picture.uplink.title": "원본 호스트가 보내는 속도",
  "picture.capacity": "업링크 {rate}",
  "picture.completions.title": "파일을 다 받은 클라이언트 수",
  "picture.bound": "가능한 최소 시간",
  "picture.key.held": "받은 비율",
  "picture.key.finished": "다 받음",
  "picture.key.uplink": "업링크 사용",
  "picture.key.killed": "꺼짐",
  "picture.key.cut": "링크 끊김",
  "picture.key.slowed": "링크 느림",
  "picture.key.rides": "무임승차",
  "picture.state.origin": "처음부터 파일이 있음",
  "picture.state.finished": "{time}에 파일을 다 받음",
  "picture.state.fetching": "받는 중",
  "picture.state.waiting": "기다리는 중",
  "picture.state.killed": "꺼져 있음",
  "picture.state.absent": "아직 참여하지 않음",
  "picture.state.cut": "링크 끊김",
  "picture.state.slowed": "링크 속도 10분의 1",
  "picture.state.rides": "무임승차: 거의 보내지 않음",
  "picture.card.share": "받은 비율",
  "picture.card.uplink": "업링크 사용",
  "picture.card.of": "{limit} 중 {rate}",
  "picture.card.down": "받는 속도",
  "picture.card.sent": "지금까지 보낸 양",
  "picture.card.connections": "연결: {count}개",
  "picture.card.more": "그 밖에 {count}개",
  "picture.card.pieces": "{percent} % ({pieces}조각 중 {count}조각)",
};
