package dev.quire.tests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.machine.RunResult;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The kinds of fault a run counts are those its guest saw. */
class FaultKindsTest {
  private static final Pattern FAULT = Pattern.compile("(absent|denied) (read|write|exec)");

  /** The guest prints the faults of each of its cases; in user mode its runtime has more. */
  @ParameterizedTest
  @CsvSource({"faults-x86_64,absent,denied,pf", "faults-arm64,translation,permission,data_abort"})
  void theFaultsOfTheKernelAreThoseItPrints(
      String guest, String absent, String denied, String kind) {
    Guests.Run run = Guests.run(guest, 1, "");
    Map<String, Long> printed = new TreeMap<>();
    run.console()
        .lines()
        .filter(line -> line.startsWith("kernel "))
        .flatMap(line -> FAULT.matcher(line).results())
        .forEach(fault -> printed.merge(keyOf(fault, absent, denied), 1L, Long::sum));
    RunResult.VcpuResult vcpu = run.result().vcpus().getFirst();
    Map<String, Long> counted = new TreeMap<>(vcpu.pageFaults());
    counted.keySet().removeIf(key -> !key.startsWith("kernel_"));
    assertThat(printed).hasSizeGreaterThan(4);
    assertThat(counted).isEqualTo(printed);
    assertThat(vcpu.exceptions()).containsKey(kind);
    long all = vcpu.pageFaults().values().stream().mapToLong(Long::longValue).sum();
    assertThat(all).isEqualTo(vcpu.guestFaults());
  }

  private static String keyOf(MatchResult fault, String absent, String denied) {
    String access = fault.group(2).equals("exec") ? "fetch" : fault.group(2);
    return "kernel_" + access + '_' + (fault.group(1).equals("absent") ? absent : denied);
  }

  @Test
  void otherExceptionsAreCountedByKind() {
    Map<String, Long> x86 =
        Guests.run("traps-x86_64", 1, "").result().vcpus().getFirst().exceptions();
    assertThat(x86).containsEntry("bp", 1L).containsEntry("df", 1L).containsEntry("np", 1L);
    assertThat(x86).containsEntry("db", 3L).containsEntry("nm", 1L).containsKeys("gp", "ud", "de");
    Map<String, Long> arm =
        Guests.run("traps-arm64", 1, "").result().vcpus().getFirst().exceptions();
    assertThat(arm).containsEntry("brk", 3L).containsEntry("sp_alignment", 6L);
    assertThat(arm).containsEntry("pc_alignment", 2L).containsKeys("fp", "sysreg", "undefined");
  }
}
