import type { FakeFault, FakeOperation } from '@rekey/rotators';

/** What may happen while a server is about to do something that outlives it, or has just done it. */
export type Fault =
  /** The process is gone for good. */
  | { readonly kind: 'dies' }
  /** The process stands still (SIGSTOP, a suspended machine) and wakes up later, in the middle of what it was doing. */
  | { readonly kind: 'sleeps'; readonly milliseconds: number }
  /** Writes to the store fail before they are made. */
  | { readonly kind: 'store-fails'; readonly times: number }
  /** Writes to the store are made, and nobody is told. */
  | { readonly kind: 'store-reply-lost'; readonly times: number }
  /** The escrow journal cannot be written. */
  | { readonly kind: 'escrow-fails'; readonly times: number }
  | {
      readonly kind: 'target';
      readonly operation: FakeOperation | 'any';
      readonly fault: Exclude<FakeFault, 'hangs'>;
      readonly times: number;
    }
  /** Calls of the target come to no end until the server gives them up. */
  | { readonly kind: 'target-hangs'; readonly times: number }
  /** Every other call of the target fails. */
  | { readonly kind: 'target-flaps'; readonly times: number }
  | { readonly kind: 'target-slow'; readonly milliseconds: number; readonly times: number }
  /** The target gets a request long after the server gave it up. */
  | { readonly kind: 'target-late'; readonly milliseconds: number }
  /** Logins go through a pooler that still has the passwords of this moment. */
  | { readonly kind: 'pooler-stale'; readonly milliseconds: number }
  /** The server's own clock is put forward or back. */
  | { readonly kind: 'clock-jumps'; readonly milliseconds: number }
  /** The store is copied, as a backup does. */
  | { readonly kind: 'backup' }
  /** Somebody does something at this very moment. */
  | { readonly kind: 'person'; readonly act: PersonAct };

/** What people do to secrets through rekey, and to the target behind its back. */
export type PersonAct =
  | 'rotate'
  | 'cancel'
  | 'rollback'
  | 'repair'
  | 'unstick'
  | 'adopt'
  | 'look'
  | 'put-by-hand'
  | 'change-target'
  | 'hand-over'
  | 'put-target-back';

/** A fault and when it strikes: at the n-th effect (1 upwards) of the server. */
export interface PlannedFault {
  /** Position of the server among those the history begins with. */
  readonly server: number;
  readonly at: number;
  readonly fault: Fault;
}
