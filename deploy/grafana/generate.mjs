// SPDX-License-Identifier: Apache-2.0
// Writes the dashboards beside this file, or into the folder that is named. Wants `npm ci` in tests/deploy.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { clients } from './clients.mjs';
import { cluster } from './cluster.mjs';
import { fleet } from './fleet.mjs';
import { node } from './node.mjs';

// Links at the top, where all versions of Grafana have them.
const without = (key, value) => (key === 'placement' && value === 'inControlsMenu' ? undefined : value);
const folder = process.argv[2] ?? fileURLToPath(new URL('.', import.meta.url));
for (const made of [fleet, node, cluster, clients]) {
  writeFileSync(join(folder, `${made.uid}.json`), `${JSON.stringify(made, without, 1)}\n`);
}
