import * as vscode from "vscode";
import type { Program } from "./find_ctx.ts";
import { placeOf, programFor } from "./surroundings.ts";

type Command = "check" | "plan" | "run";

/** A task of the type `ctx`, as tasks.json writes it. */
interface Definition extends vscode.TaskDefinition {
  readonly command: Command;
  readonly file: string;
  readonly args?: readonly string[];
}

/** Starts ctx with a recipe in a terminal of the editor. Nothing goes through a shell, so no name needs quoting. */
export async function startTask(context: vscode.ExtensionContext, command: Command, recipe: vscode.Uri): Promise<void> {
  const program = usable(context, command, recipe);
  if (!program) return;
  const scope = vscode.workspace.getWorkspaceFolder(recipe);
  const { folder, file } = placeOf(recipe);
  const definition: Definition = { type: "ctx", command, file };
  await vscode.tasks.executeTask(taskOf(definition, scope ?? vscode.TaskScope.Global, folder, program));
}

/** The tasks that the editor offers, and those of tasks.json. */
export function taskProvider(context: vscode.ExtensionContext): vscode.TaskProvider {
  const make = (definition: Definition, scope: vscode.WorkspaceFolder) =>
    taskOf(definition, scope, scope.uri.fsPath, programFor(context, scope.uri));
  return {
    provideTasks() {
      const recipe = vscode.window.activeTextEditor?.document;
      const scope = recipe && vscode.workspace.getWorkspaceFolder(recipe.uri);
      if (recipe?.languageId !== "ctx" || !scope) return [];
      const commands: Command[] = vscode.workspace.isTrusted ? ["check", "plan", "run"] : ["check", "plan"];
      return commands.map((command) => make({ type: "ctx", command, file: placeOf(recipe.uri).file }, scope));
    },
    resolveTask(task) {
      const { scope } = task;
      const folder = typeof scope === "object" ? scope : (vscode.workspace.workspaceFolders ?? [])[0];
      const definition = task.definition as Definition;
      if (!folder || !["check", "plan", "run"].includes(definition.command)) return undefined;
      return make(definition, folder);
    },
  };
}

/** The program, or undefined after saying why there is none. */
function usable(context: vscode.ExtensionContext, command: Command, recipe: vscode.Uri): Program | undefined {
  let missing: string;
  try {
    const program = programFor(context, recipe);
    if (!program.bundled || command !== "run") return program;
    missing =
      "No ctx was found in the workspace or on the PATH. The extension checks and plans on its own, but running a recipe takes ctx with its engine.";
  } catch (error) {
    missing = (error as Error).message;
  }
  void vscode.window.showErrorMessage(missing, "Set ctx.path").then((chosen) => {
    if (chosen) void vscode.commands.executeCommand("workbench.action.openSettings", "ctx.path");
  });
  return undefined;
}

function taskOf(
  definition: Definition,
  scope: vscode.WorkspaceFolder | vscode.TaskScope,
  cwd: string,
  program: Program,
): vscode.Task {
  const { command, file, args = [] } = definition;
  const process = new vscode.ProcessExecution(program.command, [...program.args, command, ...args, "--", file], {
    cwd,
    env: { ...program.env },
  });
  // What `ctx check` finds is listed among the problems; so is what stands in the way of a plan or a run.
  const task = new vscode.Task(definition, scope, `${command} ${file}`, "ctx", process, ["$ctx"]);
  if (command === "check") task.group = vscode.TaskGroup.Test;
  task.presentationOptions = {
    ...{ echo: true, clear: true, panel: vscode.TaskPanelKind.Dedicated, focus: command === "run" },
    ...{ reveal: vscode.TaskRevealKind.Always, showReuseMessage: false },
  };
  return task;
}
