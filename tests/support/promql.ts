/** Reads PromQL well enough to find names and labels that no series can have. */
import { parser } from "npm:@prometheus-io/lezer-promql@0.315.0";
import { LOOPS, METRICS, RESULTS } from "../../src/prometheus/definitions.ts";
import { SKIP_CAUSES } from "../../src/core/task_observer.ts";
import { PHASES, STATES } from "../../src/core/task.ts";
import { REASONS } from "../../src/core/reasons.ts";
import { at } from "./at.ts";

/** The labels of recorded series, by their names; `ALERTS` may be among them. */
export type Recorded = Record<string, readonly string[]>;

export type Reading = {
  /** Errors of the expression: its syntax, a name, a label or a label's value. */
  problems: string[];
  /** The names of the series that it reads. */
  metrics: Set<string>;
  /** The labels that its result may have; null for a scalar. */
  labels: Set<string> | null;
};

/** Labels that every scraped series has. */
const OF_SCRAPE = ["job", "instance", "location"];

const OF_ALERTS = ["alertname", "alertstate", "severity"];

/** The values of labels with a closed list. */
const VALUES: Record<string, readonly string[]> = {
  reason: REASONS,
  result: RESULTS,
  cause: SKIP_CAUSES,
  loop: LOOPS,
  phase: PHASES,
  state: STATES,
  outcome: ["succeeded", "failed"],
  alertstate: ["pending", "firing"],
};

const COUNTER_FUNCTIONS = ["rate", "irate", "increase", "resets"];
const SCALAR_FUNCTIONS = ["scalar", "time", "pi"];
const SELECTING_OPERATORS = ["topk", "bottomk", "limitk", "limit_ratio"];

type Node = ReturnType<typeof parser.parse>["topNode"];
type Labels = Set<string> | null;

/** The problems of an expression; none when every series in it can exist. */
export function check(expression: string, recorded: Recorded = {}): string[] {
  return read(expression, recorded).problems;
}

/** Follows the labels through an expression, from the selected series to the result. */
export function read(expression: string, recorded: Recorded = {}): Reading {
  const problems: string[] = [];
  const metrics = new Set<string>();
  const { topNode } = parser.parse(expression);

  topNode.cursor().iterate(({ type, from, to }) => {
    if (!type.isError) return;
    const rest = expression.slice(from, Math.max(to, from + 20));
    problems.push(`syntax error at ${from}, before ${JSON.stringify(rest)}`);
  });
  // The labels of a broken tree would be noise.
  if (problems.length > 0) return { problems, metrics, labels: null };
  const labels = follow(at(childrenOf(topNode), 0));
  return { problems, metrics, labels };

  function follow(node: Node): Labels {
    switch (node.name) {
      case "VectorSelector":
        return select(node);
      case "AggregateExpr":
        return aggregate(node);
      case "BinaryExpr":
        return combine(node);
      case "FunctionCall":
        return call(node);
      default:
        return union(operandsOf(node).map(follow));
    }
  }

  function select(node: Node): Labels {
    const matchers = node.getChild("LabelMatchers")?.getChildren("UnquotedLabelMatcher") ?? [];
    const identifier = node.getChild("Identifier");
    if (!identifier) problems.push(`no name: ${text(node)}`);
    const name = identifier ? text(identifier) : "";
    metrics.add(name);
    const labels = labelsOf(name, recorded);
    if (identifier && !labels) problems.push(`unknown metric ${name}`);
    for (const matcher of matchers) {
      const [label = "", operator = "", value = ""] = childrenOf(matcher).map(text);
      if (labels && !labels.includes(label)) problems.push(`${name} has no label ${label}`);
      if (!canMatch(label, operator, unquote(value))) {
        problems.push(`${label} is never as in ${text(matcher)}`);
      }
    }
    return new Set(labels);
  }

  function aggregate(node: Node): Labels {
    const operator = text(childOf(node, "AggregateOp"));
    const operands = operandsOf(childOf(node, "FunctionCallBody"));
    const labels = follow(at(operands, operands.length - 1)) ?? new Set();
    const modifier = node.getChild("AggregateModifier");
    const named = modifier ? groupingOf(modifier) : [];
    demand(named, labels, text(modifier ?? node));
    if (SELECTING_OPERATORS.includes(operator)) return labels;
    const kept = modifier?.getChild("Without")
      ? [...labels].filter((label) => !named.includes(label))
      : named;
    const added = operator === "count_values" ? [unquote(text(at(operands, 0)))] : [];
    return new Set([...kept, ...added]);
  }

  function combine(node: Node): Labels {
    const operands = operandsOf(node);
    const [left, right] = [follow(at(operands, 0)), follow(at(operands, 1))];
    const clause = node.getChild("MatchingModifierClause");
    if (left === null || right === null) {
      if (clause) problems.push(`${text(clause)} beside a scalar`);
      return left ?? right;
    }
    const matched = clause ? groupingOf(clause) : [];
    const [, included = []] = clause ? clause.getChildren("GroupingLabels").map(labelNames) : [];
    const on = clause?.getChild("On");
    const both = left.union(right);
    if (clause && on) {
      demand(matched, left, text(clause));
      demand(matched, right, text(clause));
    } else if (clause) {
      demand(matched, both, text(clause));
    }
    if (node.getChild("Or")) return both;
    if (node.getChild("And") || node.getChild("Unless")) return left;
    if (clause && (clause.getChild("GroupLeft") || clause.getChild("GroupRight"))) {
      const [many, one] = clause.getChild("GroupLeft") ? [left, right] : [right, left];
      demand(included, one, text(clause));
      return new Set([...many, ...included]);
    }
    return on ? new Set(matched) : new Set([...left].filter((each) => !matched.includes(each)));
  }

  function call(node: Node): Labels {
    const name = text(childOf(node, "FunctionIdentifier"));
    const operands = operandsOf(childOf(node, "FunctionCallBody"));
    const labels = union(operands.map(follow));
    if (COUNTER_FUNCTIONS.includes(name)) {
      const selector = at(operands, 0).getChild("VectorSelector")?.getChild("Identifier");
      if (selector && isGauge(text(selector))) {
        problems.push(`${name} of the gauge ${text(selector)}`);
      }
    }
    if (SCALAR_FUNCTIONS.includes(name)) return null;
    switch (name) {
      case "vector":
        return new Set();
      case "absent":
      case "absent_over_time":
        return new Set(equalitiesOf(at(operands, 0)));
      case "histogram_quantile":
        demand(["le"], labels ?? new Set(), text(node));
        return new Set([...labels ?? []].filter((label) => label !== "le"));
      case "label_replace":
        demand([unquote(text(at(operands, 3)))].filter(Boolean), labels ?? new Set(), text(node));
        return new Set([...labels ?? [], unquote(text(at(operands, 1)))]);
      default:
        return labels;
    }
  }

  /** The labels that a selector matches by equality. */
  function equalitiesOf(node: Node): string[] {
    const found: string[] = [];
    node.cursor().iterate(({ node: each }) => {
      if (each.name !== "UnquotedLabelMatcher") return;
      const [label, operator] = childrenOf(each).map(text);
      if (label !== undefined && operator === "=") found.push(label);
    });
    return found;
  }

  function demand(names: string[], labels: Set<string>, where: string): void {
    for (const name of names) {
      if (!labels.has(name)) problems.push(`nothing has the label ${name} in ${where}`);
    }
  }

  function groupingOf(node: Node): string[] {
    return labelNames(childOf(node, "GroupingLabels"));
  }

  function labelNames(node: Node): string[] {
    return node.getChildren("LabelName").map(text);
  }

  function text({ from, to }: Node): string {
    return expression.slice(from, to);
  }
}

/** The labels of the series with this name; undefined when there is none. */
function labelsOf(name: string, recorded: Recorded): string[] | undefined {
  if (name === "ALERTS") return [...OF_SCRAPE, ...OF_ALERTS, ...recorded.ALERTS ?? []];
  const own = recorded[name];
  if (own) return [...OF_SCRAPE, ...own];
  if (name === "up") return OF_SCRAPE;
  for (const definition of Object.values(METRICS)) {
    const labels = [...OF_SCRAPE, "app_id", "environment", ...definition.labels];
    if (definition.type !== "histogram") {
      if (name === definition.name) return labels;
      continue;
    }
    if (name === `${definition.name}_bucket`) return [...labels, "le"];
    if (name === `${definition.name}_sum` || name === `${definition.name}_count`) return labels;
  }
}

function isGauge(name: string): boolean {
  return Object.values(METRICS).some((each) => each.name === name && each.type === "gauge");
}

/** Whether a matcher can match; each alternative of a pattern must match some value. */
function canMatch(label: string, operator: string, value: string): boolean {
  const values = VALUES[label];
  if (!values || value === "") return true;
  if (!operator.endsWith("~")) return values.includes(value);
  return value.split("|").every((each) => values.some((one) => matches(each, one)));
}

function matches(pattern: string, value: string): boolean {
  try {
    return new RegExp(`^(?:${pattern})$`).test(value);
  } catch {
    // Splitting cut a group: only the whole pattern is valid.
    return true;
  }
}

function operandsOf(node: Node): Node[] {
  const notValues = /Modifier|Clause|Op$|Duration(Expr|InDurationContext)$|^At/;
  return childrenOf(node).filter(({ name }) =>
    name === "NumberDurationLiteral" || name.endsWith("Expr") && !notValues.test(name) ||
    ["VectorSelector", "MatrixSelector", "FunctionCall", "StringLiteral"].includes(name)
  );
}

function childOf(node: Node, name: string): Node {
  const child = node.getChild(name);
  if (!child) throw new Error(`expected ${name} in ${node.name}`);
  return child;
}

function childrenOf(node: Node): Node[] {
  const children: Node[] = [];
  for (let child = node.firstChild; child; child = child.nextSibling) children.push(child);
  return children;
}

function union(all: Labels[]): Labels {
  const vectors = all.filter((labels) => labels !== null);
  return vectors.length === 0 ? null : new Set(vectors.flatMap((labels) => [...labels]));
}

function unquote(literal: string): string {
  return literal.startsWith('"') ? JSON.parse(literal) : literal.slice(1, -1);
}
