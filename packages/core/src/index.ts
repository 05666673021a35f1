export * from './access.ts';
export * from './clock.ts';
export * from './cron.ts';
export * from './duration.ts';
export * from './errors.ts';
export * from './log.ts';
export * from './principal.ts';
export * from './random.ts';
export * from './redact.ts';
export * from './rotation.ts';
export * from './rotation-function.ts';
export {
  checkOverlap,
  checkRetirement,
  checkRule,
  DEFAULT_RULE,
  LONGEST_INTERVAL,
  type RotationRules,
  ruleFrom,
  SHORTEST_AWS_INTERVAL,
  SHORTEST_INTERVAL,
  shortestInterval,
} from './rotation-rule.ts';
export * from './rotator.ts';
export * from './schedule.ts';
export * from './secret.ts';
export * from './secret-access.ts';
