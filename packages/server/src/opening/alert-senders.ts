import { createHash, createSecretKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { RekeyError } from '@rekey/core';
import type { WebhookConfig } from '../config/config.ts';
import type { Sender } from '../engine/alerts/sender.ts';
import { standardErrorSender } from '../engine/alerts/standard-error.ts';
import { webhookSender } from '../engine/alerts/webhook.ts';

/** Everybody who is told of alerts: standard error always, and each configured webhook. */
export function alertSenders(webhooks: readonly WebhookConfig[]): readonly Sender[] {
  return [
    standardErrorSender((line) => process.stderr.write(line)),
    ...webhooks.map((webhook) =>
      webhookSender({
        name: `webhook:${createHash('sha256').update(webhook.url).digest('hex').slice(0, 12)}`,
        url: webhook.url,
        secret: createSecretKey(Buffer.from(readSecret(webhook.secretFile))),
        fetch,
        now: Date.now,
      }),
    ),
  ];
}

/** A secret shared with somebody, from its file. @param what it is, for who reads the error */
export function readSecret(file: string, what = 'webhook secret'): string {
  let secret: string;
  try {
    secret = readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new RekeyError(
      'invalid-input',
      `cannot read the ${what} ${file}: ${(error as NodeJS.ErrnoException).code}.`,
      {
        reason: 'wrong-use',
      },
    );
  }
  if (secret.length >= 16) return secret;
  throw new RekeyError('invalid-input', `the ${what} in ${file} is shorter than 16 characters.`, {
    reason: 'wrong-use',
  });
}
