import { addAdopt } from './adopt.ts';
import { addApply } from './apply.ts';
import { addAudit } from './audit.ts';
import { addBackup } from './backup.ts';
import { addBreach } from './breach.ts';
import { addDoctor } from './doctor.ts';
import { addFreeze } from './freeze.ts';
import { addHolders } from './holders.ts';
import { addImport } from './import-aws.ts';
import { addInit } from './init.ts';
import { addKeys } from './keys.ts';
import { addMigrate } from './migrate.ts';
import { addPlan } from './plan.ts';
import { addPolicy } from './policy.ts';
import type { AddCommand } from './program.ts';
import { addQuarantine } from './quarantine.ts';
import { addRepair } from './repair.ts';
import { addRestore } from './restore.ts';
import { addRole } from './role.ts';
import { addRollback } from './rollback.ts';
import { addRotate } from './rotate.ts';
import { addRotation } from './rotation.ts';
import { addSecret } from './secret.ts';
import { addServe } from './serve.ts';
import { addSetup } from './setup-postgres.ts';
import { addStatus } from './status.ts';
import { addUnstick } from './unstick.ts';

/** Every command is one file and a line here, in the order of the help. */
export const COMMANDS: readonly AddCommand[] = [
  addServe,
  addInit,
  addSecret,
  addRotation,
  addSetup,
  addFreeze,
  addAdopt,
  addImport,
  addRotate,
  addBreach,
  addRollback,
  addRepair,
  addUnstick,
  addStatus,
  addHolders,
  addPlan,
  addApply,
  addPolicy,
  addRole,
  addBackup,
  addRestore,
  addMigrate,
  addQuarantine,
  addKeys,
  addAudit,
  addDoctor,
];
