import {
  type DebugAdapterDescriptor,
  type DebugAdapterDescriptorFactory,
  DebugAdapterExecutable,
  type ExtensionContext,
  Uri,
} from 'vscode'

/** The debug adapter is a process of its own, run by the Node that runs this extension: nothing has to be installed. */
export class AdapterProcessFactory implements DebugAdapterDescriptorFactory {
  constructor(private readonly context: ExtensionContext) {}

  createDebugAdapterDescriptor(): DebugAdapterDescriptor {
    const script = Uri.joinPath(this.context.extensionUri, 'dist', 'debug-adapter.js').fsPath
    // On the desktop process.execPath is Electron, which is Node where this variable is set.
    return new DebugAdapterExecutable(process.execPath, [script], { env: { ELECTRON_RUN_AS_NODE: '1' } })
  }
}
