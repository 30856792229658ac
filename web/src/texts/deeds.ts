/** What came of an action in words, by the code of its result. */

import type { Lang } from '../lib/times';
import type { Said } from './reasons';

const MUTED: Record<string, string> = {
  silenced: '무음',
  inhibited: '다른 알림이 대신함',
  maintenance: '점검',
  'mute window': '조용한 시간',
  flapping: '오락가락',
};
const mutedInKorean = (muted: string) =>
  muted
    .split(', ')
    .map((word) => MUTED[word] ?? word)
    .join(', ');

const ko = {
  // whatever the action
  action_gone: () => '이 조치는 이제 설정에 없음',
  action_broke: (said: Said) => `조치하다가 프로그램에 문제가 생김: ${said('error')}`,
  not_any_more: (said: Said) => `이제 하지 않음: ${said('what')}`,
  nobody_knows: (said: Said) => `상태를 알 수 없음 (${said('state')})`,
  muted_meanwhile: (said: Said) => mutedInKorean(said('muted')),
  on_it: (said: Said) => (said('who') === 'somebody' ? '누군가 확인함' : `${said('who')} 님이 확인함`),
  not_done_within: (said: Said) => `${said('seconds')} 안에 끝나지 않음`,
  would_have_done: (said: Said) => `연습이 아니면 했을 일: ${said('what')}`,
  process_ended: () => '하는 동안 프로그램이 끝나 어디까지 했는지 알 수 없음',
  // programs and addresses
  program_ended_well: () => '잘 끝남',
  program_not_started: (said: Said) => `실행할 수 없음: ${said('error')}`,
  program_too_long: (said: Said) => `${said('seconds')} 안에 끝나지 않아 끝냄`,
  program_failed: (said: Said) => `종료 코드 ${said('status')}${said('said') ? `: ${said('said')}` : ''}`,
  would_be_option: (said: Said) =>
    `${said('argument')}(${said('written')}에서 나옴)은(는) 옵션으로 읽힐 수 있어 넘기지 않음`,
  post_for: (said: Said) => `${said('target')}에 대해 POST ${said('action')}`,
  answered: (said: Said) => `응답 ${said('status')}`,
  address_not_reached: (said: Said) => `주소에 닿지 못함 (${said('error')})`,
  // pipelines
  no_pipeline_named: (said: Said) =>
    `${said('name')} 파이프라인이 없음 (${said('written')}에서 나옴). 있는 것: ${said('known') || '없음'}`,
  pause_for: (said: Said) => `${said('name')}을(를) ${said('seconds')} 동안 멈춤`,
  pipeline_paused: (said: Said) => `${said('name')}을(를) ${said('until')}까지 멈춤`,
  paused_already: (said: Said) => `${said('who')} 님이 ${said('name')}을(를) 이미 멈춰 둠`,
  pipeline_is_paused: (said: Said) => `${said('who')} 님이 ${said('name')}을(를) 멈춰 둠: ${said('why')}`,
  run_pipeline: (said: Said) => `${said('name')} 실행`,
  run_goes_on: (said: Said) => `${said('name')}의 실행 ${said('number')}이(가) 아직 끝나지 않고 계속됨`,
  run_succeeded: (said: Said) => `${said('name')}의 실행 ${said('number')} 성공, ${said('rows')}행`,
  run_ended: (said: Said) =>
    `${said('name')}의 실행 ${said('number')} ${said('outcome') === 'cancelled' ? '취소됨' : '실패'}${said('error') ? `: ${said('error')}` : ''}`,
  // sizes
  hold_at: (said: Said) => `${said('name')} 크기를 ${said('size')}(으)로 고정`,
  hold_direction: (said: Said) => `${said('name')}을(를) 더 ${said('stop') === 'in' ? '줄이지' : '늘리지'} 않음`,
  hold_for: (said: Said) => `${said('what')} (${said('seconds')} 동안)`,
  hold_until: (said: Said) => `${said('what')} (${said('until')}까지)`,
  held_by: (said: Said) =>
    `${said('who')} 님이 ${said('name')}을(를) ${said('until')}까지 고정함. 사람만 그것을 끝낼 수 있음`,
  no_scalers_name: (said: Said) => `${said('written')}에서 나온 ${said('name')}은(는) 스케일러 이름이 아님`,
};

const en: typeof ko = {
  action_gone: () => 'the action is no longer configured',
  action_broke: (said) => `the action failed with ${said('error')}`,
  not_any_more: (said) => `not done any more: ${said('what')}`,
  nobody_knows: (said) => `nobody knows: it is ${said('state')}`,
  muted_meanwhile: (said) => said('muted'),
  on_it: (said) => `${said('who')} is on it`,
  not_done_within: (said) => `not done within ${said('seconds')}`,
  would_have_done: (said) => `would have done: ${said('what')}`,
  process_ended: () => 'the process ended while it was done; nobody knows how far it came',
  program_ended_well: () => 'ended well',
  program_not_started: (said) => `the program could not be started: ${said('error')}`,
  program_too_long: (said) => `the program took longer than ${said('seconds')} and was ended`,
  program_failed: (said) => `the program ended with ${said('status')}${said('said') ? `: ${said('said')}` : ''}`,
  would_be_option: (said) =>
    `${said('argument')} (from ${said('written')}) would be read as an option; it is not passed on`,
  post_for: (said) => `POST ${said('action')} for ${said('target')}`,
  answered: (said) => `answered ${said('status')}`,
  address_not_reached: (said) => `the address could not be reached (${said('error')})`,
  no_pipeline_named: (said) =>
    `no pipeline is named ${said('name')} (from ${said('written')}); known: ${said('known') || 'none'}`,
  pause_for: (said) => `pause ${said('name')} for ${said('seconds')}`,
  pipeline_paused: (said) => `paused ${said('name')} until ${said('until')}`,
  paused_already: (said) => `${said('name')} was paused by ${said('who')} already`,
  pipeline_is_paused: (said) => `${said('name')} is paused by ${said('who')}: ${said('why')}`,
  run_pipeline: (said) => `run ${said('name')}`,
  run_goes_on: (said) => `run ${said('number')} of ${said('name')} has not ended yet; it goes on`,
  run_succeeded: (said) => `run ${said('number')} of ${said('name')} succeeded, ${said('rows')} rows`,
  run_ended: (said) =>
    `run ${said('number')} of ${said('name')} ${said('outcome')}${said('error') ? `: ${said('error')}` : ''}`,
  hold_at: (said) => `hold ${said('name')} at ${said('size')}`,
  hold_direction: (said) => `scale ${said('name')} no further ${said('stop')}`,
  hold_for: (said) => `${said('what')} for ${said('seconds')}`,
  hold_until: (said) => `${said('what')} until ${said('until')}`,
  held_by: (said) => `${said('who')} holds ${said('name')} until ${said('until')}; only a person ends that`,
  no_scalers_name: (said) => `${said('written')} comes to ${said('name')}, which is no scaler's name`,
};

export const deeds: Record<Lang, typeof ko> = { ko, en };
