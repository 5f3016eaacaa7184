package dev.quire.lab.cli;

import dev.quire.kvm.host.ClientHost;
import dev.quire.kvm.host.HostFigures;
import dev.quire.kvm.server.KvmFiles;
import dev.quire.lab.report.AtomicFile;
import dev.quire.lab.report.JsonLines;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** Writes what a VM of the service did to memory, a file of JSON lines for each, as it ends. */
final class VmReports implements KvmFiles.VmEnds {
  private static final Logger LOG = System.getLogger(VmReports.class.getName());

  private final Path folder;
  private final Invocation invocation;
  private final long seed;

  private VmReports(Path folder, Invocation invocation, long seed) {
    this.folder = folder;
    this.invocation = invocation;
    this.seed = seed;
  }

  /**
   * @param folder made if it is missing; null for no reports
   */
  static VmReports in(Path folder, Invocation invocation, long seed) {
    if (folder != null) {
      try {
        Files.createDirectories(folder);
      } catch (FileAlreadyExistsException e) {
        throw CommandFailure.usage("--report " + folder + ": this is a file; give a folder", e);
      } catch (IOException e) {
        throw CommandFailure.usage("--report " + folder + ": " + e.getMessage(), e);
      }
    }
    return new VmReports(folder, invocation, seed);
  }

  @Override
  public void ended(long process, long vm, ClientHost host) {
    if (folder == null) {
      return;
    }
    Path file = folder.resolve("vm-" + process + "-" + vm + ".json");
    try {
      AtomicFile.write(file, content(process, vm, host));
    } catch (IOException e) {
      LOG.log(Level.WARNING, "event=no-report file={0} reason=\"{1}\"", file, e.getMessage());
    }
  }

  private byte[] content(long process, long vm, ClientHost host) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (JsonLines json = new JsonLines("the report of a VM", bytes)) {
      Map<String, Object> config = new LinkedHashMap<>();
      config.put("command", "serve");
      config.put("process", process);
      config.put("vm", vm);
      json.manifest(Build.manifest(invocation, seed, config));
      HostFigures figures = host.figures();
      Map<String, Object> row = new LinkedHashMap<>();
      row.put("vcpu", "total");
      row.put("geometry", null);
      row.put("mode", "functional");
      row.put("vcpus", figures.vcpus());
      row.put("memory_bytes", figures.memoryBytes());
      row.put("host_faults", figures.hostFaults());
      row.put("walks", figures.tlbMisses());
      row.put("kernel", host.kernel().counters().snapshot().named(host.kernel().pageShift()));
      json.row("counters", row);
    }
    return bytes.toByteArray();
  }
}
