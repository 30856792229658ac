/** Reasons in words, by their code. A text asks for its values by name; one that is not given is empty. */

import type { Lang } from '../lib/times';
import { deeds } from './deeds';

/** A value as it is read, by its name; `limit` is the threshold with its operator. */
export type Said = (name: string) => string;

const noted = (said: Said) => (said('note') ? ` (${said('note')})` : '');

const ko = {
  threshold_crossed: (said: Said) => `${said('value')}${noted(said)}, 한도 ${said('limit')}`,
  value: (said: Said) => `${said('value')}${noted(said)}`,
  not_yet_clear: (said: Said) => `${said('value')}${noted(said)}, 해제 한도 ${said('limit')}에 아직 못 미침`,
  no_comparison: (said: Said) => `값이 ${said('value')}(이)라 비교할 수 없음${noted(said)}`,
  samples: (said: Said) =>
    `${said('seconds')} 동안 표본 ${said('count')}개${said('needed') ? `, ${said('needed')}개 필요` : ''}`,
  share: (said: Said) =>
    `${said('seconds')} 동안 ${said('whole')}개 중 ${said('part')}개${said('needed') ? `, ${said('needed')}개 필요` : ''}`,
  points: (said: Said) => `값 ${said('needed')}개 중 ${said('count')}개만 있음`,
  usual: (said: Said) => `${said('value')}, 평소 ${said('middle')} ± ${said('deviation')}`,
  nothing_deviates: () => '벗어난 값이 없음',
  different_buckets: () => '히스토그램의 구간이 서로 달라 합칠 수 없음. 구별하는 레이블을 `by`에 넣으세요',
  measured_less: (said: Said) => `측정한 지 ${said('seconds')}이 안 됨`,
  last_sample_old: (said: Said) => `마지막 표본이 ${said('seconds')} 전`,
  no_sample: () => '표본이 더 없음',
  no_answer: () => '답이 없음',
  between_samples: (said: Said) => `${said('seconds')}마다 오는 표본과 표본 사이`,
  not_in_answer: () => '더는 답에 없음',
  no_data: (said: Said) => `${said('seconds')} 동안 데이터 없음`,
  no_data_longer: (said: Said) => `${said('seconds')} 넘게 데이터 없음`,
  held: (said: Said) => `${said('what')} (${said('seconds')} 동안 계속)`,
  again: (said: Said) => `다시 ${said('what')}`,
  after_no_data: (said: Said) => `데이터가 없다가 ${said('what')}`,
  taken_for_ok: (said: Said) => `${said('what')}, 이 규칙에서는 정상`,
  nobody_told: (said: Said) => `${said('what')}, 아무에게도 알린 적 없음`,
  severity_changed: (said: Said) => `${said('before')} → ${said('after')}: ${said('what')}`,
  rule_removed: () => '규칙이 없어짐',
  rule_changed: () => '규칙이 바뀌어 더는 찾지 않음',
  departed: () => '예정대로 떠남',
  departed_by: (said: Said) => `예정대로 떠남 (${said('who')}: ${said('why')})`,
  removed_by: (said: Said) => `없앰 (${said('who')}: ${said('why')})`,
  paused_by: (said: Said) => `${said('who')} 님이 멈춤`,
  not_run_since_pause: () => '멈춘 뒤로 아직 돌지 않음',
  evaluations_failed: (said: Said) => `평가가 ${said('count')}번 실패: ${said('error')}`,
  evaluated_again: () => '다시 평가됨',
  query_too_large: (said: Said) => `식이 보는 데이터가 한도를 넘음: ${said('error')}`,
  query_not_answered: (said: Said) => `식에 답할 수 없음: ${said('error')}`,
  store_not_answering: (said: Said) => `저장소가 답하지 않음: ${said('error')}`,
  no_answer_within: (said: Said) => `${said('seconds')} 안에 답이 없음`,
  evaluation_broke: (said: Said) => `평가하다가 프로그램에 문제가 생김: ${said('error')}`,
  samples_changed: () => '읽는 동안 표본이 계속 바뀜',
  no_value: () => '식의 결과가 수도, 시리즈마다 값 하나도 아님. 범위(`[5m]`)나 글을 빼세요',
  no_points: () => '저장소가 서브쿼리에 값을 주지 않음',
  no_range: () => '저장소가 범위 셀렉터에 표본을 주지 않음',
  two_results: (said: Said) =>
    `두 결과의 레이블이 ${said('labels')}(으)로 같음. 구별하는 레이블을 더하거나 합치세요 (\`max by (host)\`)`,
  alerts_refused: (said: Said) =>
    `알림 ${said('most')}개가 열려 있어 새 알림 ${said('count')}개를 받지 않음 (\`max_instances\`)`,
  none_refused: () => '받지 않은 알림이 없음',
  told_by: (said: Said) => `${said('source')}에서 보냄`,
  sender_resolved: () => '보낸 곳에서 해제함',
  sender_expired: () => '보낸 곳의 소식이 끊김',
  acknowledged: (said: Said) => `${said('who')} 님이 확인함${said('why') ? `: ${said('why')}` : ''}`,
  acknowledgement_ended: (said: Said) => `확인이 끝남: ${said('what')}`,
  acknowledgement_ended_by: (said: Said) => `${said('who')} 님이 확인을 풂`,
  silenced: (said: Said) =>
    `${said('who')} 님이 ${said('until') ? `${said('until')}까지 ` : ''}무음${said('why') ? `: ${said('why')}` : ''}`,
  silenced_over: (said: Said) => `${said('who')} 님의 무음이 끝남`,
  maintenance: (said: Said) => `점검 ${said('name')}${said('until') ? ` (${said('until')}까지)` : ''}`,
  maintenance_over: (said: Said) => `점검 ${said('name')}이(가) 끝남`,
  inhibited: (said: Said) => `다른 알림이 대신함: ${said('why')}`,
  inhibited_over: (said: Said) => `다른 알림이 더는 대신하지 않음: ${said('why')}`,
  mute_window: (said: Said) =>
    `${said('receiver')}에 알리지 않음: 시간대 ${said('name')}${said('until') ? ` (${said('until')}까지)` : ''}`,
  mute_window_over: (said: Said) => `${said('receiver')}에 다시 알릴 수 있음: 시간대 ${said('name')}`,
  flapping: () => '오락가락하여 따로 알리지 않음',
  flapping_over: () => '안정되어 다시 알림',
  alert_over: () => '알림이 끝남',
  time_over: () => '정한 시간이 지남',
  alert_worse: (said: Said) => `이제 ${said('severity')}`,
  action_on_alert: (said: Said) =>
    `${said('rule')} 알림이 ${said('since')}부터 계속됨, ${said('most')}번 중 ${said('count')}번째`,
};

const en: typeof ko = {
  threshold_crossed: (said) => `${said('value')}${noted(said)} is ${said('limit')}`,
  value: (said) => `${said('value')}${noted(said)}`,
  not_yet_clear: (said) => `${said('value')}${noted(said)} is not yet ${said('limit')}`,
  no_comparison: (said) => `the value is ${said('value')}, which satisfies no comparison${noted(said)}`,
  samples: (said) =>
    `${said('count')} samples in ${said('seconds')}${said('needed') ? `, ${said('needed')} are needed` : ''}`,
  share: (said) =>
    `${said('part')} of ${said('whole')} in ${said('seconds')}${said('needed') ? `, ${said('needed')} are needed` : ''}`,
  points: (said) => `${said('count')} of ${said('needed')} points`,
  usual: (said) => `${said('value')}, usual are ${said('middle')} ± ${said('deviation')}`,
  nothing_deviates: () => 'nothing deviates',
  different_buckets: () =>
    'its histograms have different buckets, which cannot be merged; add a label to `by` that tells them apart',
  measured_less: (said) => `measured for less than ${said('seconds')}`,
  last_sample_old: (said) => `the last sample is ${said('seconds')} old`,
  no_sample: () => 'no sample any more',
  no_answer: () => 'no answer',
  between_samples: (said) => `between two samples, which come every ${said('seconds')}`,
  not_in_answer: () => 'no longer in the answer',
  no_data: (said) => `no data for ${said('seconds')}`,
  no_data_longer: (said) => `no data for more than ${said('seconds')}`,
  held: (said) => `${said('what')} for ${said('seconds')}`,
  again: (said) => `${said('what')} again`,
  after_no_data: (said) => `${said('what')}, after no data`,
  taken_for_ok: (said) => `${said('what')}, which this rule takes for ok`,
  nobody_told: (said) => `${said('what')}; nobody had been told`,
  severity_changed: (said) => `${said('before')} → ${said('after')}: ${said('what')}`,
  rule_removed: () => 'the rule was removed',
  rule_changed: () => 'the rule was changed and looks for this no longer',
  departed: () => 'departed as expected',
  departed_by: (said) => `departed as expected, said by ${said('who')}: ${said('why')}`,
  removed_by: (said) => `removed by ${said('who')}: ${said('why')}`,
  paused_by: (said) => `paused by ${said('who')}`,
  not_run_since_pause: () => 'not run yet since its pause',
  evaluations_failed: (said) => `${said('count')} evaluations failed: ${said('error')}`,
  evaluated_again: () => 'evaluated again',
  query_too_large: (said) => `the query touches more than its limit: ${said('error')}`,
  query_not_answered: (said) => `the query cannot be answered: ${said('error')}`,
  store_not_answering: (said) => `the store does not answer: ${said('error')}`,
  no_answer_within: (said) => `no answer within ${said('seconds')}`,
  evaluation_broke: (said) => `the program failed at it: ${said('error')}`,
  samples_changed: () => 'the samples changed each time while they were read',
  no_value: () => '`expr` gives neither a number nor one value for each series; remove the range (`[5m]`) or the text',
  no_points: () => 'the store gave no points for a subquery',
  no_range: () => 'the store gave no samples for a range selector',
  two_results: (said) =>
    `two results have the labels ${said('labels')}; add a label that tells them apart, or aggregate (\`max by (host)\`)`,
  alerts_refused: (said) =>
    `${said('count')} new alerts were refused, because ${said('most')} are open (\`max_instances\`)`,
  none_refused: () => 'no alert was refused',
  told_by: (said) => `told by ${said('source')}`,
  sender_resolved: () => 'resolved by its sender',
  sender_expired: () => 'its sender fell silent',
  acknowledged: (said) => `acknowledged by ${said('who')}${said('why') ? `: ${said('why')}` : ''}`,
  acknowledgement_ended: (said) => `acknowledgement ended: ${said('what')}`,
  acknowledgement_ended_by: (said) => `acknowledgement ended by ${said('who')}`,
  silenced: (said) =>
    `silenced by ${said('who')}${said('until') ? ` until ${said('until')}` : ''}${said('why') ? `: ${said('why')}` : ''}`,
  silenced_over: (said) => `the silence by ${said('who')} is over`,
  maintenance: (said) => `maintenance ${said('name')}${said('until') ? ` until ${said('until')}` : ''}`,
  maintenance_over: (said) => `the maintenance ${said('name')} is over`,
  inhibited: (said) => `another alert speaks for it: ${said('why')}`,
  inhibited_over: (said) => `another alert speaks for it no longer: ${said('why')}`,
  mute_window: (said) =>
    `${said('receiver')} is not told, by the window ${said('name')}${said('until') ? ` until ${said('until')}` : ''}`,
  mute_window_over: (said) => `${said('receiver')} may be told again, by the window ${said('name')}`,
  flapping: () => 'it flaps, and is not told by itself',
  flapping_over: () => 'it flaps no longer',
  alert_over: () => 'the alert is over',
  time_over: () => 'its time is over',
  alert_worse: (said) => `the alert is ${said('severity')} now`,
  action_on_alert: (said) => `${said('rule')} fires since ${said('since')}, try ${said('count')} of ${said('most')}`,
};

export const reasons: Record<Lang, typeof ko & typeof deeds.ko> = {
  ko: { ...ko, ...deeds.ko },
  en: { ...en, ...deeds.en },
};
