// Reads a JSON list of objects from standard input and checks each against the published schema of its
// kind; prints a JSON list of what is wrong. Kinds: those of Argo CD, External Secrets, Gateway API.
import { readFileSync } from "node:fs";

const PACKAGES = {
  "argoproj.io": "argo-cd",
  "external-secrets.io": "external-secrets",
  "gateway.networking.k8s.io": "gateway-api",
};

const wrong = [];
for (const found of JSON.parse(readFileSync(0, "utf8"))) {
  const [group, version] = found.apiVersion.split("/");
  const name = `${found.kind}/${found.metadata?.name}`;
  const path = `@kubernetes-models/${PACKAGES[group]}/${group}/${version}/${found.kind}`;
  try {
    const module = await import(path);
    new module[found.kind](found).validate();
  } catch (error) {
    wrong.push(`${name}: ${error.message}`);
  }
}
process.stdout.write(JSON.stringify(wrong));
