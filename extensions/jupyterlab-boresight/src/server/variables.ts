/** The biggest variables of a kernel, asked without a trace in its history. */

import type { Kernel } from '@jupyterlab/services';

export interface Variable {
  readonly name: string;
  readonly kind: string;
  readonly size_bytes: number;
  readonly shape: string;
}

const ASKED =
  "__import__('boresight.workflows.memory.variables', fromlist=['_']).VariablesTable(globals())";

/** Variables, the biggest first; null of a kernel that does not know the question. */
export async function biggestVariables(
  kernel: Kernel.IKernelConnection
): Promise<readonly Variable[] | null> {
  const future = kernel.requestExecute({
    code: '',
    silent: true,
    store_history: false,
    stop_on_error: false,
    user_expressions: { boresight: ASKED }
  });
  const reply = await future.done;
  const content = reply.content as { user_expressions?: Record<string, unknown> };
  const found = content.user_expressions?.['boresight'] as
    | { status?: string; data?: Record<string, { variables?: readonly Variable[] }> }
    | undefined;
  return found?.status === 'ok' ? (found.data?.['application/json']?.variables ?? null) : null;
}
