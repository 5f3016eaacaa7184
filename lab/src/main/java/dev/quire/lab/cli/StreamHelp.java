package dev.quire.lab.cli;

import dev.quire.lab.stream.StreamKind;
import java.util.ArrayList;
import java.util.List;

/** The streams that {@code --stream} names, as help shows them. */
final class StreamHelp {
  private StreamHelp() {}

  static String[] lines() {
    List<String> lines = new ArrayList<>();
    for (StreamKind kind : StreamKind.values()) {
      lines.add("  " + kind.text() + ": " + kind.meaning());
      kind.own().forEach(parameter -> lines.add(describe(parameter)));
    }
    lines.add("  of every kind (a grid has no bytes and pages):");
    StreamKind.COMMON.forEach(parameter -> lines.add(describe(parameter)));
    lines.add("  lackey:FILE: text of valgrind --tool=lackey --trace-mem=yes");
    lines.add("  trace:FILE: a file of --record; both also compressed (gzip, zstd, xz)");
    lines.add("Sizes take K, M, G as powers of 1024, counts as powers of 1000.");
    lines.add("Example: quire tlb --stream chase:bytes=64M,count=4M --host-pages 4k,thp");
    return lines.toArray(String[]::new);
  }

  private static String describe(StreamKind.Parameter parameter) {
    String usual = parameter.usual().isEmpty() ? "" : " (default: " + parameter.usual() + ")";
    return "    %-8s %s%s".formatted(parameter.key() + "=", parameter.meaning(), usual);
  }
}
