package dev.quire.emulator.boot;

import dev.quire.emulator.boot.BootPlan.Load;
import java.util.ArrayList;
import java.util.List;

/** Collects loads and refuses any that lies outside RAM or overlaps another. */
final class BootImage {
  private final BootRequest request;
  private final GuestRam ram;
  private final List<Load> loads = new ArrayList<>();

  BootImage(BootRequest request, GuestArchitecture architecture) {
    this.request = request;
    this.ram = GuestRam.of(architecture, request.memoryBytes());
  }

  BootRequest request() {
    return request;
  }

  GuestRam ram() {
    return ram;
  }

  List<Load> loads() {
    return List.copyOf(loads);
  }

  /** Bytes that the loader made itself. */
  void add(String what, long gpa, byte[] content) {
    add(what, gpa, content.length, content, 0, content.length);
  }

  /** Memory that must stay free of loads and zero. */
  void reserve(String what, long gpa, long bytes) {
    add(what, gpa, bytes, new byte[0], 0, 0);
  }

  /** Part of a file, which the caller has checked to be there, followed by zeros. */
  void add(String what, long gpa, long memoryBytes, byte[] source, int offset, int bytes) {
    Load load = new Load(what, gpa, memoryBytes, source, offset, bytes);
    if (memoryBytes < bytes || !ram.contains(gpa, memoryBytes)) {
      throw request
          .kernel()
          .bad(
              "%s (0x%x bytes at 0x%x) lies outside RAM (%s); give the guest more --memory, or"
                  + " link it elsewhere",
              what, memoryBytes, gpa, ram);
    }
    for (Load other : loads) {
      if (gpa < other.endGpa() && other.gpa() < load.endGpa()) {
        throw request.kernel().bad("%s overlaps %s", load, other);
      }
    }
    loads.add(load);
  }

  /** Whether a load could go there. */
  boolean isFree(long gpa, long bytes) {
    return ram.contains(gpa, bytes)
        && loads.stream().noneMatch(load -> gpa < load.endGpa() && load.gpa() < gpa + bytes);
  }

  /** The end of the highest load in the low RAM range, or its start if there is none. */
  long endGpa() {
    long end = ram.low().gpa();
    for (Load load : loads) {
      if (load.gpa() < ram.low().endGpa()) {
        end = Math.max(end, load.endGpa());
      }
    }
    return end;
  }
}
