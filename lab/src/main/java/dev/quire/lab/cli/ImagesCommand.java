package dev.quire.lab.cli;

import dev.quire.lab.report.JsonLines;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code quire images}: the built-in guests. */
@Command(name = "images", description = "List the built-in guests.")
public final class ImagesCommand implements Callable<Integer> {
  private final Invocation invocation;

  @Mixin CommonOptions common;

  ImagesCommand(Invocation invocation) {
    this.invocation = invocation;
  }

  @Override
  public Integer call() {
    GuestCatalogue catalogue = GuestCatalogue.builtIn();
    try (JsonLines json = common.openJson(invocation)) {
      if (json != null) {
        json.manifest(Build.manifest(invocation, common.seed, Map.of("command", "images")));
        for (GuestImage image : catalogue.images()) {
          json.row("image", row(image));
        }
      }
    }
    if (!common.jsonOnStandardOutput()) {
      printTable(catalogue);
    }
    return ExitCode.DONE;
  }

  private static Map<String, String> row(GuestImage image) {
    Map<String, String> row = new LinkedHashMap<>();
    row.put("name", image.name());
    row.put("arch", image.arch());
    row.put("purpose", image.purpose());
    row.put("expected", image.expected());
    return row;
  }

  private void printTable(GuestCatalogue catalogue) {
    int name = "NAME".length();
    for (GuestImage image : catalogue.images()) {
      name = Math.max(name, image.name().length());
    }
    String format = "%-" + name + "s  %-6s  %-" + (name + 5) + "s  %s%n";
    invocation.out().printf(format, "NAME", "ARCH", "LAST LINE", "PURPOSE");
    for (GuestImage image : catalogue.images()) {
      invocation
          .out()
          .printf(format, image.name(), image.arch(), image.expected(), image.purpose());
    }
  }
}
