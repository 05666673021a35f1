import type { RotationSettings } from './rotation.ts';

/**
 * What a rotation function may do with secrets: the part of AWS's API that the rotation templates call. The engine
 * implements it over its own store; `@rekey/lambda` over a real AWS Secrets Manager.
 */
export interface SecretAccess {
  /**
   * True for the engine's own: what is put and promoted goes into the commit that records the step, so that a rotation
   * function over it need not find the record of its step in the store.
   */
  readonly inProcess?: boolean;
  describe(secretId: string): Promise<SecretDescription>;
  /** Text of one version; null if there is no such version or it has no value yet. Binary values fail `rejected-form`. */
  getValue(secretId: string, selector: VersionSelector): Promise<string | null>;
  /**
   * Makes the value durable before it returns (in process: in the escrow journal, and in the store with the step's
   * outcome); a version that has a value keeps it.
   */
  putPending(secretId: string, versionId: string, text: string): Promise<void>;
  /** Moves *current* to the version by compare-and-set; already there: success. */
  promote(secretId: string, versionId: string): Promise<void>;
}

export type VersionSelector = { readonly versionId: string } | { readonly label: string };

export interface SecretDescription {
  readonly arn: string;
  readonly name: string;
  readonly settings: RotationSettings;
  readonly currentVersionId: string | null;
  readonly previousVersionId: string | null;
}
