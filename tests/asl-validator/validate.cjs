// Reads {name: definition} from standard input and writes {name: [what asl-validator says against it]}.
"use strict";

// asl-validator compiles its schemas anew for every definition, which is nearly all of its time: let it compile them once.
const ajv = require("ajv");
const Ajv = ajv.default;
let compiled;
ajv.default = function once(options) {
  if (compiled !== undefined) {
    compiled.addKeyword = () => compiled; // it has them already, and refuses to take them twice
  }
  return (compiled ??= new Ajv(options));
};

const validator = require("asl-validator");

const definitions = JSON.parse(require("fs").readFileSync(0, "utf8"));
const verdicts = {};
for (const [name, definition] of Object.entries(definitions)) {
  const verdict = validator(definition, { checkPaths: true, checkArn: true });
  verdicts[name] = verdict.isValid ? [] : verdict.errors.map((error) => JSON.stringify(error));
}
process.stdout.write(JSON.stringify(verdicts));
