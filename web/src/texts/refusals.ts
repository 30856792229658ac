/** What the server refuses, in words, by code; and by HTTP status what has no code. */

import type { Lang } from '../lib/times';
import type { Said } from './reasons';

const ko = {
  // words of people about alerts
  why_needed: () => '이유를 적어 주세요. 밤에 보는 사람에게 필요합니다.',
  text_too_long: (said: Said) => `글은 ${said('count')}자까지 적을 수 있습니다.`,
  ends_before_start: () => '끝이 시작보다 뒤여야 합니다.',
  ends_in_the_past: () => '끝나는 시각이 이미 지났거나 시작보다 앞입니다.',
  end_said_twice: () => '끝나는 시각과 기간 중 하나만 적으세요.',
  lasts_nothing: () => '기간은 0초보다 길어야 합니다.',
  matcher_needed: () => '라벨 조건이 하나는 있어야 합니다. 없으면 모든 알림이 조용해집니다.',
  matches_everything: () => '빈 값에 걸리지 않는 조건이 하나는 있어야 합니다. 이대로면 모든 알림이 조용해집니다.',
  not_matchers: () => '라벨 조건을 읽을 수 없습니다. severity="critical", host=~"web-.*"처럼 쓰세요.',
  silence_too_long: (said: Said) => `무음은 ${said('seconds')}까지 할 수 있습니다 (longest_silence).`,
  no_silence: () => '그런 무음이 없습니다. 이미 끝났을 수 있습니다.',
  no_alert: () => '그런 알림이 없습니다.',
  no_open_alert: () => '그 알림은 이미 끝났습니다. 끝난 알림은 확인할 필요가 없습니다.',
  none_matches: () => '조건에 걸리는 열린 알림이 없습니다.',
  not_acknowledged: () => '아무도 확인하지 않은 알림입니다.',
  // machines, collection
  no_host: (said: Said) => `하루 안에 소식을 보낸 ${said('name')} 기계가 없습니다.`,
  no_departure: () => '그런 자리 비움이 없습니다. 이미 끝났을 수 있습니다.',
  name_needed: (said: Said) => `이름을 ${said('count')}자까지 적어 주세요.`,
  no_group: (said: Said) => `${said('name')} 그룹이 없습니다. 그룹은 gwanje.yaml의 groups에 있습니다.`,
  container_for_good: () => '컨테이너는 언제까지 자리를 비우는지 적어야 합니다.',
  away_too_long: (said: Said) => `자리 비움은 ${said('count')}일까지입니다. 돌아오지 않을 것은 없앰으로 하세요.`,
  not_paused: (said: Said) => `${said('name')}은(는) 멈춰 있지 않습니다.`,
  is_paused: (said: Said) =>
    `${said('name')}은(는) ${said('who')} 님이 ${said('until') ? `${said('until')}까지 ` : ''}멈춰 두었습니다: ${said('why')}`,
  no_pipeline: (said: Said) => `${said('name')} 파이프라인이 없습니다.`,
  no_pipelines: () => '파이프라인이 없습니다. pipelines/*.yaml에 적으세요.',
  no_dashboard: (said: Said) => `${said('name')} 대시보드가 없습니다.`,
  no_receiver: (said: Said) => `수신처 ${said('name')}이(가) 없습니다.`,
  // rules and limits
  no_rule: (said: Said) => `${said('name')} 규칙이 없습니다.`,
  off_in_file: (said: Said) => `${said('place')}에서 꺼 둔 규칙입니다. 그 파일에서 바꾸세요.`,
  rule_of_file: (said: Said) => `${said('place')}에 적힌 규칙입니다. 거기서 지우거나 여기서 끄세요.`,
  rule_of_file_counts: (said: Said) =>
    `${said('place')}에 같은 이름의 규칙이 있어 그것이 적용되고, 이것은 보관만 합니다.`,
  name_is_ours: (said: Said) => `${said('name')}은(는) 프로그램이 쓰는 이름입니다. 다른 이름을 고르세요.`,
  rule_name_taken: (said: Said) => `${said('place')}에 ${said('name')} 규칙이 이미 있습니다. 다른 이름을 고르세요.`,
  made_meanwhile: (said: Said) =>
    `그사이 ${said('who')} 님이 ${said('name')}을(를) 만들었습니다. 그것을 열거나 다른 이름을 고르세요.`,
  removed_meanwhile: (said: Said) => `그사이 ${said('name')}이(가) 지워졌습니다. 되살리려면 새로 저장하세요.`,
  changed_meanwhile: (said: Said) =>
    `그사이 ${said('who')} 님이 ${said('name')}을(를) 바꾸었습니다. 다시 열어서 고치세요.`,
  rehearsal_too_long: (said: Said) => `${said('seconds')} 안에 끝나지 않았습니다. 기간이나 시리즈를 줄여 보세요.`,
  threshold_needed: () => '경고, 심각, 해제 한도 중 하나는 적어야 합니다.',
  condition_inside: () => '조건이 식 안에 있는 규칙이라 한도를 따로 정할 수 없습니다.',
  clear_on_wrong_side: (said: Said) =>
    `해제 한도 ${said('clear')}이(가) ${said('severity')} 한도 ${said('condition')}의 반대쪽에 있어야 합니다.`,
  looks_other_way: (said: Said) =>
    `${said('severity')} 한도 ${said('condition')}은(는) 규칙의 ${said('own')}과(와) 방향이 다릅니다.`,
  // what is written
  missing: () => '빠져 있습니다.',
  unknown_key: (said: Said) => `모르는 항목입니다.${said('meant') ? ` ${said('meant')}을(를) 쓰려던 것인가요?` : ''}`,
  not_a_duration: (said: Said) => `${said('text')}은(는) 기간이 아닙니다. 30s, 5m, 1h30m, 15d처럼 쓰세요.`,
  not_promql: (said: Said) => `PromQL로 읽을 수 없습니다: ${said('error')}`,
  not_a_metric: (said: Said) => `${said('name')}은(는) 메트릭 이름이 될 수 없습니다. 쿼리는 expr에 쓰세요.`,
  not_a_selector: (said: Said) => `${said('text')}은(는) 셀렉터가 아닙니다. 메트릭과 라벨만 쓰세요.`,
  value_in_label: (said: Said) =>
    `count_values는 라벨 ${said('label')}에 값을 넣어 값마다 다른 알림이 됩니다. count(count_values(…))처럼 세세요.`,
  not_a_condition: (said: Said) => `${said('text')}은(는) 조건이 아닙니다. '>= 0.85'처럼 연산자와 수를 쓰세요.`,
  interval_too_short: (said: Said) => `간격은 ${said('seconds')} 이상이어야 합니다.`,
  severity_is_no_label: () => 'severity는 라벨로 쓸 수 없습니다. 경고와 심각 한도가 정합니다.',
  severity_stands_alone: () => 'severity는 조건이 식 안에 있을 때만 씁니다. 경고, 심각, 해제 한도를 빼세요.',
  looks_at_one: () => 'expr, ratio, metric 중 하나만 적으세요.',
  condition_needed: () => "경고나 심각 한도가 있어야 합니다. 예: critical: '>= 0.95'",
  not_a_label: (said: Said) => `${said('name')}은(는) 라벨 이름이 될 수 없습니다. 다른 이름을 쓰세요.`,
  label_is_template: (said: Said) => `라벨 ${said('name')}에 틀이 있습니다. 라벨은 바뀌면 안 됩니다.`,
  not_yaml: (said: Said) => `YAML로 읽을 수 없습니다: ${said('error')}`,
  no_alias: () => '별칭(`*이름`)은 여기서 쓸 수 없습니다. 값을 그대로 적으세요.',
  stands_twice: () => '같은 항목이 두 번 있습니다. 하나만 남기세요.',
  not_a_number: () => '수가 아닙니다.',
  not_yes_or_no: () => 'true나 false로 적으세요.',
  not_a_text: () => '글이 아닙니다. 따옴표로 감싸 보세요.',
  not_a_list: () => '목록이 아닙니다. [a, b]처럼 쓰세요.',
  not_keys_and_values: () => '`항목: 값`으로 적어야 합니다.',
  not_a_time: () => '날짜나 시각이 아닙니다.',
  not_one_of: (said: Said) => `쓸 수 있는 것: ${said('known')}`,
  too_small: (said: Said) => `${said('bound')}보다 작거나 너무 작습니다.`,
  too_large: (said: Said) => `${said('bound')}보다 크거나 너무 큽니다.`,
  too_short: (said: Said) => `너무 짧습니다. ${said('bound')}개(자) 이상이어야 합니다.`,
  too_long: (said: Said) => `너무 깁니다. ${said('bound')}개(자)까지입니다.`,
  wrong_form: () => '형식이 맞지 않습니다. 쓸 수 없는 글자가 있습니다.',
  needs_type: (said: Said) => `type이 있어야 합니다. 있는 것: ${said('known')}`,
  needs_other: (said: Said) => `${said('name')}에는 ${said('other')}이(가) 있어야 합니다.`,
  either_of_both: (said: Said) => `${said('one')}과(와) ${said('other')} 중 하나만 적으세요.`,
  anomaly_over: () => 'anomaly는 값 하나하나를 봅니다. over를 빼세요.',
  sides_differ: () => '여럿 중 가장 나쁜 것을 고르려면 한도가 모두 같은 쪽이어야 합니다. `>=`나 `<=` 중 하나로 쓰세요.',
  not_a_template: (said: Said) => `틀로 읽을 수 없습니다: ${said('error')}`,
  // who is told
  to_before_from: () => '`to`가 `from`보다 뒤여야 합니다.',
  from_is_to: () => '`from`과 `to`가 같은 시각입니다. 하루 종일이면 둘 다 빼세요.',
  two_of_one_name: () => '두 사람의 이름이 같습니다. 구별되게 적으세요.',
  not_among_people: (said: Said) => `${said('name')}은(는) 당직자 가운데 없습니다: ${said('known')}`,
  no_zone: (said: Said) => `${said('text')}은(는) 시간대 이름이 아닙니다. Asia/Seoul, UTC처럼 쓰세요.`,
  no_country: (said: Said) => `${said('text')}의 공휴일은 모릅니다. KR, US처럼 나라를 두 글자로 쓰세요.`,
  no_time_of_day: (said: Said) => `${said('text')}은(는) 시각이 아닙니다. '22:00'처럼 쓰세요.`,
  no_day: (said: Said) => `${said('text')}은(는) 요일이 아닙니다. mon, tue, mon-fri처럼 쓰세요.`,
  no_date: (said: Said) => `${said('text')}은(는) 날짜가 아닙니다. 2026-12-24나 2026-12-30/2027-01-02처럼 쓰세요.`,
  date_ends_before: (said: Said) => `${said('text')}은(는) 시작보다 먼저 끝납니다.`,
  steps_by_time: () => '단계는 이른 것부터 차례로 적어야 합니다.',
  not_a_pattern: (said: Said) => `${said('text')}은(는) 정규식이 아닙니다.`,
  no_private_key: () => 'PEM으로 적은 RSA 비밀 열쇠가 아닙니다. -----BEGIN PRIVATE KEY-----로 시작합니다.',
  no_mail_server: () => '메일 서버가 아닙니다. smtp.example.org:587처럼 쓰세요.',
  no_mail_address: (said: Said) => `${said('text')}은(는) 메일 주소가 아닙니다.`,
  password_in_clear: () => '암호화하지 않으면 비밀번호를 보내지 않습니다. security를 starttls나 tls로 하세요.',
  no_apprise_address: (said: Said) => `${said('count')}번째 주소는 Apprise가 모르는 주소입니다.`,
  not_named: (said: Said) => `${said('name')}이(가) 없습니다. 있는 것: ${said('known') || '없음'}`,
  layers_come_back: (said: Said) => `${said('name')} 아래의 당직표가 다시 ${said('name')}(으)로 돌아옵니다.`,
  connects_by_itself: (said: Said) =>
    `${said('name')}은(는) 스스로 연결해 주소를 확인할 수 없습니다. gwanje.yaml에 적으세요.`,
  setting_needed: () => '있어야 합니다.',
  setting_is_named: (said: Said) => `${said('by')}에서 쓰고 있습니다. 그것을 먼저 바꾸세요.`,
  setting_name_taken: () => 'gwanje.yaml에 같은 이름이 있습니다. 다른 이름을 고르세요.',
  setting_of_file_counts: () => 'gwanje.yaml에 같은 이름이 있어 그것이 적용되고, 이것은 보관만 합니다.',
  route_takes_all: () => '모든 알림을 받습니다. 뒤의 경로와 파일의 경로는 쓰이지 않습니다.',
  receiver_without_address: () => '주소가 아직 없어 아무에게도 알리지 않습니다.',
  text_has_mistakes: (said: Said) =>
    `${said('key') ? `${said('key')}: ` : ''}${said('what')}${said('more') ? ` (그 밖에 ${said('more')}개)` : ''}`,
  kind_failed: (said: Said) => `이 종류의 수신처를 읽다가 프로그램에 문제가 생겼습니다: ${said('error')}`,
  opens_no_secrets: () => '이 프로세스는 비밀 값을 열 수 없습니다.',
  sealed_by_another: (said: Said) =>
    `${said('file')}에 없는 열쇠로 잠겨 있습니다. 그 파일을 되돌리거나 비밀 값을 다시 적으세요.`,
  no_keys: (said: Said) => `${said('file')}에 열쇠가 없습니다. 비밀 값을 잠글 때 쓴 파일을 되돌려 놓으세요.`,
  keys_unreadable: (said: Said) => `${said('file')}을(를) 읽을 수 없습니다. 페이지에서 적은 비밀 값을 여는 파일입니다.`,
  secret_stands_alone: () => '비밀 값은 따로 적어야 합니다. 목록으로 한 줄에 하나씩 쓰세요.',
  secret_not_known: () => '저장된 값이 없습니다. 다시 적으세요.',
  secret_moved: (said: Said) =>
    `${said('changed')}이(가) 바뀌어 보내는 곳이 달라질 수 있습니다. ${said('held')}을(를) 다시 적으세요.`,
  // who it is
  wrong_password: () => '이름이나 비밀번호가 맞지 않습니다.',
  too_many_tries: (said: Said) => `너무 여러 번 틀렸습니다. ${said('seconds')} 뒤에 다시 해 보세요.`,
  link_used: () => '이미 썼거나 기한이 지난 링크입니다. 프로그램을 다시 시작하면 새 링크가 나옵니다.',
  user_name: () => '이름은 글자, 숫자, . _ @ + - 로 1~100자입니다.',
  password_too_short: (said: Said) => `비밀번호는 ${said('count')}자 이상이어야 합니다.`,
  password_too_long: (said: Said) => `비밀번호는 ${said('count')}자까지입니다.`,
  user_taken: (said: Said) => `${said('name')} 사용자가 이미 있습니다.`,
  // whatever else
  not_valid: (said: Said) => `${said('field')} 값이 맞지 않습니다.`,
  our_mistake: () => '프로그램의 잘못입니다. 자세한 것은 로그에 있습니다.',
};

/** In English the server's own sentence is shown. */
export const refusals: Record<Lang, Partial<Record<string, (said: Said) => string>>> = { ko, en: {} };

/** What a status means, where there is no code: the sentence of the server stands below it. */
export const statuses: Record<Lang, Partial<Record<number, string>>> = {
  ko: {
    400: '요청을 읽을 수 없습니다',
    401: '다시 들어와 주세요',
    403: '권한이 없습니다',
    404: '찾는 것이 없습니다',
    409: '그사이 바뀌었습니다',
    413: '보낸 것이 너무 큽니다',
    422: '그대로는 받을 수 없습니다',
    429: '너무 자주 물었습니다. 잠시 뒤에 다시 해 보세요',
    500: '프로그램의 잘못입니다',
    503: '지금은 할 수 없습니다. 잠시 뒤에 다시 해 보세요',
    504: '시간 안에 끝나지 않았습니다',
    507: '저장할 곳이 가득 찼습니다. 자리를 비워 주세요. 이미 받은 것은 남아 있습니다',
  },
  en: {},
};
