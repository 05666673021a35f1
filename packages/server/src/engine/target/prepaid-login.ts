import type { StoreWrite } from '../../store/store.ts';
import type { HeldSecret } from '../rotation/held-secrets.ts';
import type { LoginBudget, LoginCharge } from './login-budget.ts';

/**
 * A login that comes next is counted in the commit before it, which is made anyway: another one for each login would cost
 * a rotation as much as its own records do. Where the budget is spent nothing is counted, and the login waits as always.
 */
export class PrepaidLogin {
  readonly #budget: LoginBudget;
  readonly #account: string | null;
  #charge: LoginCharge | null = null;

  /** @param account null for none */
  constructor(budget: LoginBudget, account: string | null) {
    this.#budget = budget;
    this.#account = account;
  }

  /** For the commit; to be asked again where that meets a conflict. */
  async writes(): Promise<readonly StoreWrite[]> {
    this.#charge = null;
    const counted = this.#account === null ? null : await this.#budget.charging(this.#account);
    if (counted === null) return [];
    this.#charge = counted.charge;
    return [counted.write];
  }

  /** The commit is made: the login may be. */
  committed(held: HeldSecret): void {
    held.prepaid = this.#charge;
  }
}

/** Gives a login back that was not made after all. Where that fails it stays counted, as after a crash. */
export async function giveBackPrepaid(budget: LoginBudget, held: HeldSecret): Promise<void> {
  const { prepaid } = held;
  held.prepaid = null;
  if (prepaid !== null) await budget.settle(prepaid, 'could-not-look').catch(() => {});
}
