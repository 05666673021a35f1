import type { RotationRecord } from '@rekey/core';
import type { RotationAlerts } from './rotation/rotation-journal.ts';

/** Remembers what people would have been told. */
export class FakeAlerts implements RotationAlerts {
  readonly raised = new Map<string, string>();
  /** Changes of rotations that were about to be committed. */
  readonly changes: { readonly before: RotationRecord | null; readonly after: RotationRecord }[] = [];

  async writesFor(before: RotationRecord | null, after: RotationRecord) {
    this.changes.push({ before, after });
    return [];
  }

  async raise(condition: string, alert: { readonly text: string }): Promise<void> {
    this.raised.set(condition, alert.text);
  }

  async resolve(condition: string): Promise<void> {
    this.raised.delete(condition);
  }

  async standing() {
    return [...this.raised].map(([condition, text]) => {
      const secretId = condition.slice(condition.indexOf('/') + 1);
      return { condition, secretId, since: 0, text };
    });
  }
}
