// Plays scenarios (see ../scenarios/agents.yaml) through @julep/sdk. Standard input: {url, key, scenarios: {name: {unique, steps}}}. Standard output:
// {answers: {name: [{answer} or {error: {type, status, message}}]}, types: [what the client's own TypeScript types say against the answers]}.
"use strict";

const fs = require("fs");
const path = require("path");
const { Julep } = require("@julep/sdk");
const typescript = require("typescript");

const SECONDS = 60;
const camel = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
const pause = () => new Promise((resolve) => setTimeout(resolve, 100));
const NAMED = /<([\w.]+)>/g;
const found = (value, dotted) => dotted.split(".").reduce((inner, key) => inner?.[key], value);

function filled(value, known) {
  if (typeof value === "string") {
    const whole = /^<([\w.]+)>$/.exec(value);
    return whole ? found(known, whole[1]) : value.replace(NAMED, (_, dotted) => found(known, dotted));
  }
  if (Array.isArray(value)) return value.map((item) => filled(item, known));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, filled(item, known)]));
}

async function called(client, step, known) {
  const body = step.body === undefined ? undefined : filled(step.body, known);
  const query = step.query === undefined ? undefined : filled(step.query, known);
  if (step.path !== undefined) return client[step.call](filled(step.path, known), { body, query });
  const names = step.call.split(".").map(camel);
  const owner = names.slice(0, -1).reduce((inner, name) => inner[name], client);
  const ids = Object.values(filled(step.ids ?? {}, known));
  const rest = body === undefined && query === undefined ? [] : [{ ...body, ...query }];
  const answer = await owner[names.at(-1)](...ids, ...rest);
  return answer?.getPaginatedItems === undefined ? answer : { items: answer.items, next_cursor: answer.body.next_cursor };
}

async function played(client, step, known) {
  const end = Date.now() + SECONDS * 1000;
  const wanted = Object.entries(step.until ?? {});
  for (;;) {
    try {
      const answer = await called(client, step, known);
      if (wanted.every(([key, values]) => values.includes(found(answer, key))) || Date.now() > end) return { answer };
    } catch (error) {
      if (!(error instanceof Julep.APIError)) throw error;
      return { error: { type: error.constructor.name, status: error.status, message: error.message } };
    }
    await pause();
  }
}

// The compiler judges the answers: each is written into a program as the argument of a function that takes the method's own result.
function typeProblems(answers) {
  const lines = [
    'import { Julep } from "@julep/sdk";',
    "declare const client: Julep;",
    "type Answer<F extends (...given: any[]) => any> = Awaited<ReturnType<F>>;",
    "type Shown<T> = T extends { getPaginatedItems(): (infer I)[] } ? { items: I[] } : T;",
    "declare function takes<T>(): <V extends T>(value: V) => void;",
  ];
  const methods = [];
  for (const { call, answer } of answers) {
    const method = call.split(".").map(camel).join(".");
    methods[lines.length] = method;
    lines.push(`takes<Shown<Answer<typeof client.${method}>>>()(${JSON.stringify(answer)});`);
  }
  const file = path.join(__dirname, "answers.ts");
  const options = {
    module: typescript.ModuleKind.Node16,
    moduleResolution: typescript.ModuleResolutionKind.Node16,
    target: typescript.ScriptTarget.ES2022,
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    typeRoots: [path.join(__dirname, "node_modules", "@types")],
    types: ["node"],
  };
  const host = typescript.createCompilerHost(options);
  const read = host.getSourceFile;
  host.getSourceFile = (name, ...rest) =>
    name === file ? typescript.createSourceFile(name, lines.join("\n"), options.target) : read(name, ...rest);
  const program = typescript.createProgram([file], options, host);
  return typescript.getPreEmitDiagnostics(program).map((problem) => {
    const line = problem.file ? problem.file.getLineAndCharacterOfPosition(problem.start).line : -1;
    return `${methods[line] ?? "?"}: ${typescript.flattenDiagnosticMessageText(problem.messageText, "\n")}`;
  });
}

async function main() {
  const { url, key, scenarios } = JSON.parse(fs.readFileSync(0, "utf8"));
  const client = new Julep({ apiKey: key, baseURL: url });
  const answers = {};
  const typed = [];
  const play = async ([name, { unique, steps }]) => {
    const known = { unique };
    answers[name] = [];
    for (const step of steps) {
      const outcome = await played(client, step, known);
      answers[name].push(outcome);
      if (outcome.answer === undefined) continue;
      if (step.as) known[step.as] = outcome.answer;
      if (step.path === undefined) typed.push({ call: step.call, answer: outcome.answer });
    }
  };
  await Promise.all(Object.entries(scenarios).map(play));
  const broken = { call: "agents.get", answer: { id: 5 } };
  const types = typeProblems([...typed, broken]);
  process.stdout.write(JSON.stringify({ answers, types, typed: typed.length }));
}

main();
