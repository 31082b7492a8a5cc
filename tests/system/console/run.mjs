// SPDX-License-Identifier: Apache-2.0
// node run.mjs SCENARIO...: one after another; a line of JSON each.
import * as access from './access.mjs';
import * as acts from './acts.mjs';
import * as doors from './doors.mjs';
import * as leaving from './leaving.mjs';
import * as live from './live.mjs';
import * as measure from './measure.mjs';
import { close, endClients } from './page.mjs';
import * as shows from './shows.mjs';
import * as shots from './shots.mjs';

const scenarios = { ...shows, ...acts, ...doors, ...leaving, ...live, ...access,
  ...shots, ...measure };
let status = 0;
for (const name of process.argv.slice(2)) {
  const line = { scenario: name };
  try {
    line.told = await scenarios[name]() ?? null;
  } catch (error) {
    line.fault = error.stack;
    status = 1;
  }
  await endClients();
  console.log(JSON.stringify(line));
}
await close();
process.exit(status);
