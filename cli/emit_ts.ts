import { type CodeBlockWriter, Project, VariableDeclarationKind } from "ts-morph";
import type { Plan } from "../compiler/plan.ts";

/** A plan as a TypeScript module whose values keep their literal types and are held against `Plan`. */
export function planModule(plan: Plan): string {
  const project = new Project({ useInMemoryFileSystem: true });
  const file = project.createSourceFile("plan.ts");
  file.addImportDeclaration({ isTypeOnly: true, namedImports: ["Plan"], moduleSpecifier: "ctx-recipe" });
  file.addVariableStatement({
    isExported: true,
    declarationKind: VariableDeclarationKind.Const,
    docs: [`Plan of the recipe ${plan.recipe}, compiled from ${plan.source.file}.`],
    declarations: [
      {
        name: "plan",
        initializer: (writer) => {
          write(plan, writer);
          writer.write(" satisfies Plan");
        },
      },
    ],
  });
  file.addTypeAlias({
    isExported: true,
    name: "StageName",
    type: plan.stages.map((stage) => JSON.stringify(stage.name)).join(" | ") || "never",
    docs: ["Names of the stages, in order."],
  });
  file.formatText({ indentSize: 2 });
  return file.getFullText();
}

/** A JSON value as an object literal; lists of numbers stay on one line. */
function write(value: unknown, writer: CodeBlockWriter): void {
  if (Array.isArray(value)) {
    const flat = value.every((item) => typeof item !== "object" || item === null);
    if (flat) writer.write(`[${value.map((item) => JSON.stringify(item)).join(", ")}]`);
    else {
      writer.write("[").newLine();
      writer.indent(() => {
        for (const item of value) {
          write(item, writer);
          writer.write(",").newLine();
        }
      });
      writer.write("]");
    }
  } else if (typeof value === "object" && value !== null) {
    writer.inlineBlock(() => {
      for (const [key, item] of Object.entries(value)) {
        writer.write(/^[A-Za-z_$][\w$]*$/.test(key) ? `${key}: ` : `${JSON.stringify(key)}: `);
        write(item, writer);
        writer.write(",").newLine();
      }
    });
  } else writer.write(JSON.stringify(value));
}
