import type { ContextValue } from '../../../auth/policy/context.ts';
import type { Page } from '../../../service/access/pages.ts';
import type { SimulatedDecision, SimulationWish } from '../../../service/access/simulation.ts';
import { operation } from '../../aws-query/operation.ts';
import type { XmlMembers } from '../../aws-query/xml.ts';
import { type InputOf, list, oneOf, required, structure, text } from '../../aws-shapes/shape.ts';
import { pageAnswer, pageRequest } from '../answers.ts';
import { arn, paging, policyDocument } from '../shapes.ts';

const resourceName = text({ min: 1, max: 2048 });
const documents = list(policyDocument);
const common = {
  ...paging,
  ActionNames: required(list(text({ min: 3, max: 128 }))),
  CallerArn: resourceName,
  ContextEntries: list(
    structure({
      ContextKeyName: text({ min: 5, max: 256 }),
      ContextKeyValues: list(text({})),
      ContextKeyType: oneOf(
        'string',
        'stringList',
        'numeric',
        'numericList',
        'boolean',
        'booleanList',
        'ip',
        'ipList',
        'binary',
        'binaryList',
        'date',
        'dateList',
      ),
    }),
  ),
  PermissionsBoundaryPolicyInputList: documents,
  ResourceArns: list(resourceName),
  ResourceHandlingOption: text({ min: 1, max: 64 }),
  ResourceOwner: resourceName,
  ResourcePolicy: policyDocument,
} as const;

type CommonInput = InputOf<typeof common> & { readonly PolicyInputList: readonly string[] | undefined };

export const simulationOperations = [
  operation(
    'SimulatePrincipalPolicy',
    structure({ ...common, PolicySourceArn: required(arn), PolicyInputList: documents }),
    async ({ access }, caller, input) =>
      answerOf(await access.simulation.ofPrincipal(caller, input.PolicySourceArn, wishOf(input))),
  ),
  operation(
    'SimulateCustomPolicy',
    structure({ ...common, PolicyInputList: required(documents) }),
    async ({ access }, caller, input) => answerOf(await access.simulation.ofPolicies(caller, wishOf(input))),
  ),
];

function wishOf(input: CommonInput): SimulationWish {
  return {
    actions: input.ActionNames,
    resources: input.ResourceArns ?? [],
    policies: input.PolicyInputList ?? [],
    boundary: input.PermissionsBoundaryPolicyInputList?.[0],
    resourcePolicy: input.ResourcePolicy,
    callerArn: input.CallerArn,
    keys: keysOf(input.ContextEntries ?? []),
    page: pageRequest(input),
  };
}

function keysOf(entries: NonNullable<CommonInput['ContextEntries']>): Readonly<Record<string, ContextValue>> {
  const keys = entries.map(({ ContextKeyName: key = '', ContextKeyValues: values = [], ContextKeyType: type = '' }) => {
    const single = values.length === 1 && !type.endsWith('List');
    return [key, single ? values[0]! : values] as const;
  });
  return Object.fromEntries(keys);
}

const DECISIONS = { allowed: 'allowed', 'explicit-deny': 'explicitDeny', 'implicit-deny': 'implicitDeny' } as const;

function answerOf(page: Page<SimulatedDecision>): XmlMembers {
  return pageAnswer('EvaluationResults', page, ({ action, resource, decision, origin }) => ({
    EvalActionName: action,
    EvalResourceName: resource,
    EvalDecision: DECISIONS[decision.outcome],
    MatchedStatements:
      decision.decidedBy === null ? [] : [{ SourcePolicyId: decision.decidedBy.policy, SourcePolicyType: origin }],
    MissingContextValues: [],
  }));
}
