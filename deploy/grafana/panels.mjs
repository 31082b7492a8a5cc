// SPDX-License-Identifier: Apache-2.0
// From short descriptions of panels to a dashboard of Grafana, by its Foundation SDK, which is that
// of tests/deploy.
import { createRequire } from 'node:module';

const require = createRequire(new URL('../../tests/deploy/package.json', import.meta.url));
const sdk = (name) => require(`@grafana/grafana-foundation-sdk/${name}`);
const dashboard = sdk('dashboard');
const common = sdk('common');
const prometheus = sdk('prometheus');
const stats = sdk('stat');
const timeseries = sdk('timeseries');

const PAGES = 'https://github.com/roost-mqtt/roost/blob/main/deploy/runbooks';
const SOURCE = { type: 'prometheus', uid: '${datasource}' };
const COLUMNS = 24;

// What every query selects by; more labels in front.
export const of = (name, labels = '') =>
  `${name}{${labels}${labels && ','}job=~"$job",namespace=~"$namespace",instance=~"$instance"}`;
export const rate = (name, labels) => `rate(${of(name, labels)}[$__rate_interval])`;
export const sum = (inner, by = '') => `sum${by && ` by (${by})`} (${inner})`;
export const quantile = (q, name, by = '') =>
  `histogram_quantile(${q}, ${sum(rate(`${name}_bucket`), by ? `${by}, le` : 'le')})`;

// A panel: title, unit, text for people, [[expression, legend]...], and more: width and height in
// Grafana's grid, steps [[value, color]...] of thresholds above base, stacked, max, alerts it has to do with.
export const graph = (title, unit, text, queries, more = {}) =>
  ({ kind: 'graph', width: 8, height: 7, title, unit, text, queries, ...more });
export const stat = (title, unit, text, query, more = {}) =>
  ({ kind: 'stat', width: 4, height: 4, title, unit, text, queries: [[query, '']], ...more });
export const row = (title, ...panels) => ({ title, panels });

const target = ([expr, legend], index, kind) => {
  const query = new prometheus.DataqueryBuilder()
    .datasource(SOURCE).expr(expr).refId(String.fromCharCode(65 + index));
  if (legend) query.legendFormat(legend);
  return kind === 'stat' ? query.instant() : query.range();
};

const thresholds = (base, steps) => new dashboard.ThresholdsConfigBuilder()
  .mode(dashboard.ThresholdsMode.Absolute)
  .steps([{ value: null, color: base }, ...steps.map(([value, color]) => ({ value, color }))]);

const runbook = (alert) => new dashboard.DashboardLinkBuilder(alert)
  .type(dashboard.DashboardLinkType.Link).url(`${PAGES}/${alert}.md`).targetBlank(true);

function drawn(panel) {
  if (panel.kind === 'stat') {
    return new stats.PanelBuilder().graphMode(common.BigValueGraphMode.None)
      .colorMode(panel.steps ? common.BigValueColorMode.Value : common.BigValueColorMode.None)
      .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']));
  }
  const built = new timeseries.PanelBuilder().min(0).lineWidth(1).fillOpacity(panel.stacked ? 30 : 5)
    .showPoints(common.VisibilityMode.Never)
    .legend(new common.VizLegendOptionsBuilder().displayMode(common.LegendDisplayMode.List)
      .placement(common.LegendPlacement.Bottom).showLegend(true))
    .tooltip(new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi)
      .sort(common.SortOrder.Descending));
  if (panel.stacked) built.stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal));
  if (panel.steps) {
    built.thresholdsStyle(new common.GraphThresholdsStyleConfigBuilder()
      .mode(common.GraphThresholdsStyleMode.Line));
  }
  return built;
}

function build(panel, id, place) {
  const built = drawn(panel).id(id).title(panel.title).description(panel.text).unit(panel.unit)
    .datasource(SOURCE).gridPos({ ...place, w: panel.width, h: panel.height })
    .thresholds(thresholds(panel.base ?? 'green', panel.steps ?? [])).links((panel.alerts ?? []).map(runbook));
  if (panel.max !== undefined) built.max(panel.max);
  panel.queries.forEach((query, index) => built.withTarget(target(query, index, panel.kind)));
  return built;
}

const variable = (name, label, query) => new dashboard.QueryVariableBuilder(name).label(label)
  .datasource(SOURCE).query({ query, refId: name }).definition(query)
  .refresh(dashboard.VariableRefresh.OnTimeRangeChanged).sort(dashboard.VariableSort.AlphabeticalAsc)
  .multi(true).includeAll(true).allValue('.*')
  .current({ selected: true, text: ['All'], value: ['$__all'] });

const values = (labels, name) => `label_values(roost_connections_open{${labels}}, ${name})`;

export function make(uid, title, description, rows) {
  const made = new dashboard.DashboardBuilder(title).uid(uid).description(description).tags(['roost'])
    .editable().refresh('30s').time({ from: 'now-3h', to: 'now' }).timezone('browser')
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .link(new dashboard.DashboardLinkBuilder('Roost').type(dashboard.DashboardLinkType.Dashboards)
      .tags(['roost']).includeVars(true).keepTime(true))
    .link(new dashboard.DashboardLinkBuilder('Runbooks').type(dashboard.DashboardLinkType.Link)
      .url(`${PAGES}/README.md`).targetBlank(true))
    .withVariable(new dashboard.DatasourceVariableBuilder('datasource').label('Prometheus').type('prometheus'))
    .withVariable(variable('job', 'Job', values('', 'job')))
    .withVariable(variable('namespace', 'Namespace', values('job=~"$job"', 'namespace')))
    .withVariable(variable('instance', 'Node', values('job=~"$job",namespace=~"$namespace"', 'instance')));
  let id = 1;
  let y = 0;
  for (const { title: name, panels } of rows) {
    made.withRow(new dashboard.RowBuilder(name).id(id++).gridPos({ x: 0, y: y++, w: COLUMNS, h: 1 }));
    let x = 0;
    let height = 0;
    for (const panel of panels) {
      if (x + panel.width > COLUMNS) [x, y, height] = [0, y + height, 0];
      made.withPanel(build(panel, id++, { x, y }));
      x += panel.width;
      height = Math.max(height, panel.height);
    }
    y += height;
  }
  return made.build();
}
