/** Answer of GetSecretValue, in the shape that the AWS SDK for JavaScript gives it. */
export interface SecretValueAnswer {
  readonly ARN?: string | undefined;
  readonly Name?: string | undefined;
  readonly VersionId?: string | undefined;
  readonly SecretString?: string | undefined;
  readonly SecretBinary?: Uint8Array | undefined;
  readonly VersionStages?: readonly string[] | undefined;
  readonly CreatedDate?: Date | undefined;
}

/** Answer of DescribeSecret; what is not named here is handed on as it came. */
export interface DescribeSecretAnswer {
  readonly ARN?: string | undefined;
  readonly Name?: string | undefined;
  readonly Description?: string | undefined;
  readonly RotationEnabled?: boolean | undefined;
  readonly RotationLambdaARN?: string | undefined;
  readonly LastRotatedDate?: Date | undefined;
  readonly LastChangedDate?: Date | undefined;
  readonly LastAccessedDate?: Date | undefined;
  readonly NextRotationDate?: Date | undefined;
  readonly DeletedDate?: Date | undefined;
  readonly CreatedDate?: Date | undefined;
  /** Version id → labels. */
  readonly VersionIdsToStages?: Readonly<Record<string, readonly string[]>> | undefined;
  readonly Tags?: readonly { readonly Key?: string; readonly Value?: string }[] | undefined;
  readonly [other: string]: unknown;
}

/** Bytes out of base64, times out of seconds. */
export function valueAnswer(wire: Readonly<Record<string, unknown>>): SecretValueAnswer {
  const answer = withDates(wire);
  if (typeof wire.SecretBinary === 'string')
    answer.SecretBinary = new Uint8Array(Buffer.from(wire.SecretBinary, 'base64'));
  return answer;
}

/** Times out of seconds. */
export function describeAnswer(wire: Readonly<Record<string, unknown>>): DescribeSecretAnswer {
  return withDates(wire);
}

function withDates(wire: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(wire).map(([name, value]) => [
      name,
      name.endsWith('Date') && typeof value === 'number' ? new Date(value * 1000) : value,
    ]),
  );
}
