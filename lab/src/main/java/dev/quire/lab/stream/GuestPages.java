package dev.quire.lab.stream;

import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.mmu.arm64.Granule;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The pages that a guest (or a stream's guest) maps its memory with, as named on the command line:
 * x86 {@code 4k, 2m, 1g}; arm64 {@code 4k, 64k-cont, 2m, 32m-cont, 1g}, and with the granules
 * {@code 16k:} and {@code 64k:} their own sizes. {@code -cont} sets the contiguous bit in groups.
 *
 * @param name as the user writes it
 * @param shape of the guest's tables
 * @param leafLevel of the leaves, {@link TableShape}
 * @param groupOrder of contiguous groups of leaves; 0 without the bit
 */
public record GuestPages(String name, TableShape shape, int leafLevel, int groupOrder) {

  /**
   * Reads a name.
   *
   * @throws IllegalArgumentException with a message for the user that names the legal ones
   */
  public static GuestPages parse(String name, HostArchitecture architecture) {
    Map<String, GuestPages> legal = legal(architecture);
    GuestPages pages = legal.get(name);
    if (pages == null) {
      boolean elsewhere =
          architecture == HostArchitecture.X86_64
              && legal(HostArchitecture.ARM64).containsKey(name);
      throw new IllegalArgumentException(
          "%s guest pages '%s'; for %s choose one of %s"
              .formatted(
                  elsewhere ? "arm64's" : "unknown",
                  name,
                  architecture,
                  String.join(", ", legal.keySet())));
    }
    return pages;
  }

  /** The names that {@link #parse} accepts. */
  public static List<String> names(HostArchitecture architecture) {
    return new ArrayList<>(legal(architecture).keySet());
  }

  private static Map<String, GuestPages> legal(HostArchitecture architecture) {
    Map<String, GuestPages> legal = new LinkedHashMap<>();
    if (architecture == HostArchitecture.X86_64) {
      TableShape shape = TableShape.x86Stage1();
      add(legal, "4k", shape, 0, 0);
      add(legal, "2m", shape, 1, 0);
      add(legal, "1g", shape, 2, 0);
      return legal;
    }
    TableShape small = TableShape.arm64Stage1(Granule.SIZE_4K);
    add(legal, "4k", small, 0, 0);
    add(legal, "64k-cont", small, 0, Granule.SIZE_4K.contiguousOrder(3));
    add(legal, "2m", small, 1, 0);
    add(legal, "32m-cont", small, 1, Granule.SIZE_4K.contiguousOrder(2));
    add(legal, "1g", small, 2, 0);
    TableShape middle = TableShape.arm64Stage1(Granule.SIZE_16K);
    add(legal, "16k:16k", middle, 0, 0);
    add(legal, "16k:2m-cont", middle, 0, Granule.SIZE_16K.contiguousOrder(3));
    add(legal, "16k:32m", middle, 1, 0);
    add(legal, "16k:1g-cont", middle, 1, Granule.SIZE_16K.contiguousOrder(2));
    TableShape large = TableShape.arm64Stage1(Granule.SIZE_64K);
    add(legal, "64k:64k", large, 0, 0);
    add(legal, "64k:2m-cont", large, 0, Granule.SIZE_64K.contiguousOrder(3));
    add(legal, "64k:512m", large, 1, 0);
    return legal;
  }

  private static void add(
      Map<String, GuestPages> legal, String name, TableShape shape, int leafLevel, int groupOrder) {
    legal.put(name, new GuestPages(name, shape, leafLevel, groupOrder));
  }

  /** The order of a leaf. */
  public int leafOrder() {
    return shape.leafOrders()[leafLevel];
  }

  @Override
  public String toString() {
    return name;
  }
}
