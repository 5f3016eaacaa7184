package dev.quire.lab.cli;

import dev.quire.lab.preset.BadPresetException;
import dev.quire.lab.preset.Confidence;
import dev.quire.lab.preset.Preset;
import dev.quire.lab.preset.PresetCatalogue;
import dev.quire.lab.preset.PresetField;
import dev.quire.lab.report.JsonLines;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code quire tlb-presets}: the TLB geometries, each field with source and confidence. */
@Command(
    name = "tlb-presets",
    description =
        "List the TLB geometries, or show every field of some with source and confidence.",
    footer =
        "%nConfidence: S the source's text was read, R recalled from the source named, E a"
            + " modelling default without a public figure. A file of your own in the same form"
            + " (docs/TLB-PRESETS.md) goes wherever a name does.")
public final class TlbPresetsCommand implements Callable<Integer> {
  private final Invocation invocation;

  @Mixin CommonOptions common;

  @Parameters(
      paramLabel = "NAME",
      arity = "0..*",
      description = "Preset or file to show in full (default: list all).")
  List<String> names = List.of();

  TlbPresetsCommand(Invocation invocation) {
    this.invocation = invocation;
  }

  @Override
  public Integer call() {
    List<Preset> presets = new ArrayList<>();
    for (String name : names.isEmpty() ? PresetCatalogue.names() : names) {
      presets.add(load(name));
    }
    try (JsonLines json = common.openJson(invocation)) {
      if (json != null) {
        json.manifest(
            Build.manifest(
                invocation, common.seed, Map.of("command", "tlb-presets", "names", names)));
        for (Preset preset : presets) {
          json.row("preset", members(preset));
        }
      }
    }
    if (!common.jsonOnStandardOutput()) {
      if (names.isEmpty()) {
        list(presets);
      } else {
        presets.forEach(this::show);
      }
    }
    return ExitCode.DONE;
  }

  /** Reads a preset; a mistake becomes the command's one line. */
  static Preset load(String name) {
    try {
      return PresetCatalogue.load(name);
    } catch (BadPresetException e) {
      String nearest = Nearest.to(name, PresetCatalogue.names());
      boolean misspelt = e.getMessage().startsWith("unknown TLB preset") && nearest != null;
      throw CommandFailure.usage(
          e.getMessage() + (misspelt ? "; did you mean " + nearest + "?" : ""), e);
    }
  }

  private static Map<String, Object> members(Preset preset) {
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("name", preset.name());
    members.put("isa", preset.geometry().isa().name().toLowerCase(Locale.ROOT));
    members.put("about", preset.about());
    List<Map<String, Object>> fields = new ArrayList<>();
    for (PresetField field : preset.fields()) {
      Map<String, Object> one = new LinkedHashMap<>();
      one.put("field", field.path());
      one.put("value", field.value());
      one.put("confidence", field.confidence().name());
      one.put("source", field.source());
      fields.add(one);
    }
    members.put("fields", fields);
    return members;
  }

  private void list(List<Preset> presets) {
    int width = presets.stream().mapToInt(preset -> preset.name().length()).max().orElse(0);
    String format = "%-" + width + "s  %-6s  %3s %3s %3s  %s%n";
    invocation.out().printf(format, "NAME", "ISA", "S", "R", "E", "WHAT");
    for (Preset preset : presets) {
      invocation
          .out()
          .printf(
              format,
              preset.name(),
              preset.geometry().isa().name().toLowerCase(Locale.ROOT),
              preset.count(Confidence.S),
              preset.count(Confidence.R),
              preset.count(Confidence.E),
              preset.about());
    }
    invocation
        .out()
        .println(
            "\nS, R, E: fields whose source's text was read, recalled from the source named,"
                + " assumed. quire tlb-presets NAME shows them all.");
  }

  private void show(Preset preset) {
    int path = 0;
    int value = 0;
    for (PresetField field : preset.fields()) {
      path = Math.max(path, field.path().length());
      value = Math.max(value, field.value().length());
    }
    invocation.out().println(preset.name() + ": " + preset.about());
    String format = "  %-" + path + "s  %-" + value + "s  %s  %s%n";
    invocation.out().printf(format, "FIELD", "VALUE", "C", "SOURCE");
    for (PresetField field : preset.fields()) {
      invocation
          .out()
          .printf(format, field.path(), field.value(), field.confidence(), field.source());
    }
    invocation
        .out()
        .println(
            "  C: S read, R recalled, E assumed; cycles are the cost model "
                + preset.geometry().costs().model());
  }
}
