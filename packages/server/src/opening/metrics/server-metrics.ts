import type { RotationCounts } from '../../engine/rotation/rotation-counts.ts';
import type { LoginBudget } from '../../engine/target/login-budget.ts';
import type { RequestCounts } from '../../host/request-counts.ts';
import type { Metric, MetricSample } from '../../service/metrics.ts';
import type { DurationCounts } from '../../store/durations.ts';
import type { Store } from '../../store/store.ts';
import type { Standing } from './standing-look.ts';

/** Where the counts of this process are. */
export interface MetricSources {
  readonly store: Pick<Store, 'commitTimes' | 'readAge' | 'isReachable'>;
  readonly rotations: RotationCounts;
  readonly requests: RequestCounts;
  readonly budget: Pick<LoginBudget, 'waits'>;
  readonly auditLines: () => number;
  readonly version: string;
}

/** Everything `/metrics` tells. @param standing null where the store does not answer: what only it knows is left out */
export function serverMetrics(sources: MetricSources, standing: Standing | null): readonly Metric[] {
  return [
    gauge('rekey_info', 'Always 1; the label says which rekey this is.', [
      { labels: { version: sources.version }, value: 1 },
    ]),
    ...processMetrics(),
    ...requestMetrics(sources),
    ...rotationMetrics(sources),
    ...storeMetrics(sources, standing !== null),
    ...(standing === null ? [] : standingMetrics(standing)),
  ];
}

function processMetrics(): readonly Metric[] {
  const { user, system } = process.cpuUsage();
  const cpuSeconds = (user + system) / 1e6;
  return [
    counter('process_cpu_seconds_total', 'CPU time that the server has used, in seconds.', cpuSeconds),
    gauge('process_resident_memory_bytes', 'Memory of the server that is resident.', process.memoryUsage.rss()),
    gauge('process_start_time_seconds', 'When the server was started, in seconds since 1970.', startedAt()),
  ];
}

function startedAt(): number {
  return Math.round(performance.timeOrigin) / 1_000;
}

function requestMetrics({ requests, auditLines }: MetricSources): readonly Metric[] {
  return [
    counter(
      'rekey_requests_total',
      'Requests answered by this server, by face and class of status.',
      requests.answers.map(({ face, statusClass, count }) => ({ labels: { face, status: statusClass }, value: count })),
    ),
    counter(
      'rekey_stale_answers_total',
      'Successful answers given while the store could not be reached (marked Rekey-Stale-Seconds), by face.',
      requests.staleAnswers.map(({ face, count }) => ({ labels: { face }, value: count })),
    ),
    counter('rekey_audit_lines_total', 'Entries that this server put on record in its audit log.', auditLines()),
  ];
}

function rotationMetrics({ rotations, budget }: MetricSources): readonly Metric[] {
  const outcomes = Object.entries(rotations.outcomes).flatMap(([outcome, causes]) =>
    Object.entries(causes).map(([cause, value]) => ({ labels: { outcome, cause }, value })),
  );
  const failures = Object.entries(rotations.failures).map(([errorClass, value]) => ({
    labels: { class: errorClass },
    value,
  }));
  return [
    counter('rekey_rotations_total', 'Rotations that ended or were blocked on this server, by cause.', outcomes),
    counter(
      'rekey_rotation_failures_total',
      'Attempts of rotations that failed or whose outcome is unknown, by class of error.',
      failures,
    ),
    histogram(
      'rekey_rotation_seconds',
      'From the first step of a rotation until its new value was current.',
      rotations.untilPromoted,
    ),
    counter(
      'rekey_holders_left_behind_total',
      'Holders that still had the old value when it was retired at its deadline.',
      rotations.leftBehind,
    ),
    counter(
      'rekey_login_budget_waits_total',
      'Logins that were put off because others of the account had been refused.',
      budget.waits,
    ),
  ];
}

function storeMetrics({ store }: MetricSources, isAnswering: boolean): readonly Metric[] {
  const isReachable = isAnswering && store.isReachable;
  return [
    gauge('rekey_store_reachable', '1 while the store answers, else 0.', Number(isReachable)),
    gauge(
      'rekey_store_read_age_seconds',
      'How old what is read from the cache may be; 0 where no other server writes.',
      store.readAge / 1_000,
    ),
    histogram('rekey_store_commit_seconds', 'How long commits took until they were durable.', store.commitTimes),
  ];
}

function standingMetrics(standing: Standing): readonly Metric[] {
  const { backupAge } = standing;
  const states = Object.entries(standing.rotations).map(([state, value]) => ({ labels: { state }, value }));
  return [
    gauge('rekey_quarantined', '1 after a restore, while nothing rotates.', Number(standing.quarantined)),
    gauge('rekey_secrets', 'Secrets in the store, deleted ones until they are purged.', standing.secrets),
    gauge('rekey_secrets_due', 'Secrets whose rotation is due and not begun.', standing.due),
    gauge('rekey_secrets_postponed', 'Secrets whose due rotation waits for something.', standing.postponed),
    gauge('rekey_secrets_overdue', 'Secrets that were not rotated by their deadline.', standing.overdue),
    gauge(
      'rekey_longest_overdue_seconds',
      'How long ago the oldest missed deadline passed.',
      standing.longestOverdue / 1_000,
    ),
    gauge('rekey_rotations_standing', 'Rotations that have not ended, by what they do.', states),
    gauge('rekey_alerts_standing', 'Conditions that people were alerted of and that are not over.', standing.alerts),
    gauge('rekey_outbox_messages', 'Messages that their receivers have not taken yet.', standing.outbox),
    gauge(
      'rekey_backup_age_seconds',
      'Age of the last scheduled backup that was found good.',
      backupAge === null ? [] : [{ value: backupAge / 1_000 }],
    ),
  ];
}

type Given = number | readonly MetricSample[];

function counter(name: string, help: string, given: Given): Metric {
  return { name, kind: 'counter', help, samples: samplesOf(given) };
}

function gauge(name: string, help: string, given: Given): Metric {
  return { name, kind: 'gauge', help, samples: samplesOf(given) };
}

function samplesOf(given: Given): readonly MetricSample[] {
  return typeof given === 'number' ? [{ value: given }] : given;
}

function histogram(name: string, help: string, { buckets, sum, count }: DurationCounts): Metric {
  const upTo = (le: string, value: number) => ({ suffix: '_bucket', labels: { le }, value });
  return {
    ...{ name, kind: 'histogram', help },
    samples: [
      ...buckets.map((bucket) => upTo(String(bucket.seconds), bucket.count)),
      upTo('+Inf', count),
      { suffix: '_sum', value: sum },
      { suffix: '_count', value: count },
    ],
  };
}
