package dev.quire.lab.cli;

import dev.quire.bindings.NativeLibraries;
import dev.quire.bindings.NativeLibrary;
import dev.quire.bindings.NativeLibraryException;
import dev.quire.bindings.Uc;
import dev.quire.bindings.UcArm64State;
import dev.quire.bindings.UcConst;
import dev.quire.bindings.UcX86State;
import dev.quire.lab.report.JsonLines;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code quire doctor}: what is here, what is missing, and how to get it. */
@Command(
    name = "doctor",
    description =
        "Show what was found of JDK, libunicorn and libcapstone, and how to get the rest.")
public final class DoctorCommand implements Callable<Integer> {
  private static final int OLDEST_JDK = 25;

  private final Invocation invocation;
  private final List<Supplier<Finding>> checks;

  @Mixin CommonOptions common;

  DoctorCommand(Invocation invocation) {
    this(
        invocation,
        List.of(
            DoctorCommand::jdk,
            DoctorCommand::unicorn,
            DoctorCommand::x86State,
            DoctorCommand::arm64State,
            DoctorCommand::capstone));
  }

  DoctorCommand(Invocation invocation, List<Supplier<Finding>> checks) {
    this.invocation = invocation;
    this.checks = checks;
  }

  /**
   * One thing looked for.
   *
   * @param name of the thing
   * @param ok whether it will do
   * @param needed whether nothing works without it
   * @param version what was found, null if nothing
   * @param where its path, null if it has none
   * @param detail what is wrong and how to mend it, or what was proved
   */
  record Finding(
      String name, boolean ok, boolean needed, String version, String where, String detail) {}

  @Override
  public Integer call() {
    List<Finding> findings = new ArrayList<>();
    for (Supplier<Finding> check : checks) {
      findings.add(check.get());
    }
    try (JsonLines json = common.openJson(invocation)) {
      if (json != null) {
        json.manifest(Build.manifest(invocation, common.seed, Map.of("command", "doctor")));
        for (Finding finding : findings) {
          json.row("check", row(finding));
        }
      }
    }
    if (!common.jsonOnStandardOutput()) {
      print(findings);
    }
    for (Finding finding : findings) {
      if (finding.needed() && !finding.ok()) {
        return ExitCode.ENVIRONMENT;
      }
    }
    return ExitCode.DONE;
  }

  private static Map<String, Object> row(Finding finding) {
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("name", finding.name());
    row.put("ok", finding.ok());
    row.put("needed", finding.needed());
    row.put("version", finding.version());
    row.put("where", finding.where());
    row.put("detail", finding.detail());
    return row;
  }

  private void print(List<Finding> findings) {
    boolean colours = invocation.outIsTerminal() && invocation.colours();
    for (Finding finding : findings) {
      String word = finding.ok() ? "ok" : finding.needed() ? "MISSING" : "absent";
      String colour = finding.ok() ? "32" : finding.needed() ? "31" : "33";
      String shown = String.format("%-8s", word);
      StringBuilder line = new StringBuilder(String.format("%-12s ", finding.name()));
      line.append(colours ? "\u001b[" + colour + "m" + shown + "\u001b[0m" : shown);
      if (finding.version() != null) {
        line.append(' ').append(finding.version());
      }
      if (finding.where() != null) {
        line.append(" (").append(finding.where()).append(')');
      }
      if (finding.detail() != null) {
        line.append(' ').append(finding.detail());
      }
      invocation.out().println(line);
    }
    invocation.out().flush();
  }

  private static Finding jdk() {
    boolean ok = Runtime.version().feature() >= OLDEST_JDK;
    return new Finding(
        "JDK",
        ok,
        true,
        Runtime.version().toString(),
        System.getProperty("java.home"),
        ok ? null : "install JDK 25 or newer, or set QUIRE_JAVA_HOME to one");
  }

  private static Finding unicorn() {
    return library("libunicorn", true, NativeLibraries::unicorn);
  }

  private static Finding capstone() {
    return library("libcapstone", false, NativeLibraries::capstone);
  }

  private static Finding library(String name, boolean needed, Supplier<NativeLibrary> search) {
    try {
      NativeLibrary library = search.get();
      return new Finding(
          name, true, needed, library.versionText(), library.path().toString(), null);
    } catch (NativeLibraryException e) {
      return new Finding(name, false, needed, null, null, e.getMessage());
    }
  }

  private static Finding x86State() {
    return state(
        "x86 state",
        () -> {
          try (Uc uc = Uc.open(UcConst.ARCH_X86, UcConst.MODE_64)) {
            uc.tlbTypeVirtual();
            UcX86State.of(uc);
          }
        });
  }

  private static Finding arm64State() {
    return state(
        "arm64 state",
        () -> {
          try (Uc uc = Uc.open(UcConst.ARCH_ARM64, UcConst.MODE_ARM)) {
            uc.tlbTypeVirtual();
            UcArm64State.of(uc);
          }
        });
  }

  private static Finding state(String name, Runnable calibration) {
    if (!unicorn().ok()) {
      return new Finding(name, false, true, null, null, "not checked: libunicorn is missing");
    }
    try {
      calibration.run();
      return new Finding(name, true, true, null, null, "calibrated and verified on this library");
    } catch (NativeLibraryException e) {
      return new Finding(name, false, true, null, null, e.getMessage());
    }
  }
}
