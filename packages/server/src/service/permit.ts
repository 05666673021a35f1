import { type Caller, RekeyError } from '@rekey/core';
import { ALLOWED_AS_ROOT, type Decision, describeDecision, describeDenial } from '../auth/policy/decision.ts';
import { evaluate } from '../auth/policy/evaluate.ts';
import type { PolicyPrincipal } from '../auth/policy/principals.ts';
import { plainSignatureError } from '../auth/signature-error.ts';
import { ambiguousKeys, decideEveryReading, type Reading } from './ambiguous-tags.ts';
import { AskContext } from './ask-context.ts';
import type { PermitParts, PermitQuestion } from './permit-question.ts';
import { resourcePolicyInPlay } from './resource-policy.ts';
import { type OwnPolicies, ownPoliciesOf } from './sts/own-policies.ts';

/**
 * Whether somebody may do something: by the policies of user or role, of the groups, the boundary, the session, and of the
 * secret itself. The account's root may do everything that no secret's own policy denies it. Where everything needed
 * is in memory it answers without a promise.
 */
export class Permissions {
  readonly #parts: PermitParts;

  constructor(parts: PermitParts) {
    this.#parts = parts;
  }

  decide(question: PermitQuestion): Decision | Promise<Decision> {
    const { principal } = question.caller;
    if (principal.kind === 'root' && !question.secret?.policy) return ALLOWED_AS_ROOT;
    const own = ownPoliciesOf(this.#parts.directory, principal);
    return own instanceof Promise
      ? own.then((policies) => this.#evaluate(question, policies))
      : this.#evaluate(question, own);
  }

  /**
   * The sentence about what allowed it, for audit.
   *
   * @throws NotPermitted
   * @throws RekeyError `unauthenticated` for a user's own session that asks IAM for something
   */
  permit(question: PermitQuestion): string | Promise<string> {
    checkSession(question);
    const decision = this.decide(question);
    return decision instanceof Promise ? decision.then((made) => allowed(made, question)) : allowed(decision, question);
  }

  #evaluate(question: PermitQuestion, own: OwnPolicies): Decision {
    const { caller, action, resource, secret } = question;
    const principal = policyPrincipal(caller);
    const attached = secret?.policy
      ? resourcePolicyInPlay(secret.name, secret.policy, principal.kind === 'root')
      : null;
    const policies = attached === null ? own : { ...own, resource: attached };
    const decide = (reading: Reading | null) => {
      const context = new AskContext(question, principal, this.#parts, reading);
      return evaluate({ principal, action, resource, context, policies });
    };
    const ambiguous = ambiguousKeys(question);
    return ambiguous === null ? decide(null) : decideEveryReading(ambiguous, decide);
  }
}

/**
 * A session that a user opened with his own key does nothing in IAM, as in AWS without a second factor: else whoever
 * gets hold of it for an hour makes himself a key for ever.
 *
 * @throws RekeyError `unauthenticated`, as AWS answers
 */
function checkSession({ caller, action }: PermitQuestion): void {
  const { kind, session } = caller.principal;
  if (session !== null && kind !== 'role-session' && action.startsWith('iam:'))
    throw plainSignatureError('unknown-access-key', caller.accessKeyId);
}

function allowed(decision: Decision, question: PermitQuestion): string {
  if (decision.allowed) return describeDecision(decision);
  throw new NotPermitted(question, decision);
}

/** The engine asks for nothing through use cases; should it ever, it is nobody's user. */
function policyPrincipal({ principal }: Caller): PolicyPrincipal {
  return principal.kind === 'engine' ? { ...principal, kind: 'service' } : (principal as PolicyPrincipal);
}

/**
 * A refusal in AWS's words. It repeats what the request said and no more: whether the secret exists, its full ARN, and
 * which policy decided are for the audit log.
 */
export class NotPermitted extends RekeyError {
  /** What decided, for audit. */
  readonly statement: string;

  constructor({ caller, action, asked, told = asked }: PermitQuestion, decision: Decision) {
    const principal = caller.principal.arn;
    const why = describeDenial(decision, action);
    const sentence = `User: ${principal} is not authorized to perform: ${action} on resource: ${told} ${why}`.trimEnd();
    super('not-permitted', sentence, {
      reason: 'not-permitted',
      facts: { sentence, principal, action, resource: told },
    });
    this.statement = describeDecision(decision);
  }
}
