package dev.quire.kvm.server;

import dev.quire.kvm.host.HostFigures;
import java.util.List;

/** What the live page shows, as JSON. Any thread: what is counted elsewhere may lag a little. */
final class LiveFigures {
  private LiveFigures() {}

  static String json(KvmServer server, ServerMetrics metrics) {
    StringBuilder text = new StringBuilder(256);
    text.append("{\"calls\":").append(metrics.callCount());
    text.append(",\"exits\":").append(metrics.exitCount());
    text.append(",\"sockets\":").append(server.socketCount());
    text.append(",\"waiting\":").append(server.waitingCount());
    text.append(",\"at_ms\":").append(System.nanoTime() / 1_000_000);
    text.append(",\"processes\":[");
    String comma = "";
    for (ClientProcess process : server.processes()) {
      text.append(comma).append("{\"process\":").append(process.id());
      text.append(",\"pid\":").append(process.pid());
      text.append(",\"vms\":[");
      vms(text, process.figures());
      text.append("]}");
      comma = ",";
    }
    return text.append("]}\n").toString();
  }

  private static void vms(StringBuilder text, List<HostFigures> vms) {
    String comma = "";
    for (HostFigures vm : vms) {
      text.append(comma).append("{\"vcpus\":").append(vm.vcpus());
      text.append(",\"memory_bytes\":").append(vm.memoryBytes());
      text.append(",\"faults\":").append(vm.hostFaults());
      text.append(",\"tlb_misses\":").append(vm.tlbMisses());
      text.append('}');
      comma = ",";
    }
  }
}
