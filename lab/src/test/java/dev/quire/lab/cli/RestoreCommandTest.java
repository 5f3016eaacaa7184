package dev.quire.lab.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.boot.BootLoader;
import dev.quire.emulator.boot.BootPlan;
import dev.quire.emulator.boot.GuestArchitecture;
import dev.quire.emulator.json.JsonValues;
import dev.quire.emulator.machine.MachineConfig;
import dev.quire.emulator.machine.RunResult;
import dev.quire.emulator.machine.VirtualMachine;
import dev.quire.emulator.restore.HostWork;
import dev.quire.emulator.restore.PageAnswer;
import dev.quire.emulator.restore.PageFault;
import dev.quire.emulator.restore.UffdHandler;
import dev.quire.emulator.restore.UffdOps;
import dev.quire.emulator.snapshot.SnapshotDescription;
import dev.quire.emulator.snapshot.SnapshotWriter;
import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.lab.cost.CostFiles;
import dev.quire.lab.restore.RestorePrices;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RestoreCommandTest {
  private static final String GUEST = "hello-x86_64";

  @TempDir static Path folder;

  private static String snapshot;
  private static String forged;

  private final CommandLineHarness quire = new CommandLineHarness();

  @TempDir Path results;

  @BeforeAll
  static void takeSnapshots() throws IOException {
    BootPlan plan = BootLoader.plan(GuestChoice.of(GUEST).request(List.of(), null, null, null));
    MachineConfig config = new MachineConfig(HostPagePolicy.BASE, 1, Long.MAX_VALUE, value -> {});
    SnapshotDescription.Expected end;
    try (VirtualMachine machine = VirtualMachine.create(config, plan)) {
      RunResult result = machine.run();
      end =
          new SnapshotDescription.Expected(
              result.status().jsonName(), result.instructions(), machine.memoryHash(), "", 0);
    }
    snapshot = write(config, plan, end, folder.resolve("s"));
    forged =
        write(
            config,
            plan,
            new SnapshotDescription.Expected(
                end.status(), end.instructions(), "0".repeat(64), "", 0),
            folder.resolve("forged"));
  }

  private static String write(
      MachineConfig config, BootPlan plan, SnapshotDescription.Expected end, Path target)
      throws IOException {
    try (VirtualMachine machine = VirtualMachine.create(config, plan)) {
      machine.runTo(end.instructions() / 2);
      new SnapshotWriter(target, "test", false)
          .write(
              machine.describe(GUEST, "").withExpected(end), machine.saveState(), machine.memory());
    }
    return target.toString();
  }

  private List<Map<String, Object>> lines(Path json) throws IOException {
    return Files.readAllLines(json).stream()
        .filter(line -> !line.isBlank())
        .map(JsonValues::object)
        .toList();
  }

  private static List<Map<String, Object>> points(List<Map<String, Object>> lines) {
    return lines.stream().filter(line -> line.get("kind").equals("point")).toList();
  }

  private static Map<?, ?> figures(Map<String, Object> point) {
    return (Map<?, ?>) point.get("figures");
  }

  @Test
  void errorLinesHoldNothingThatATerminalObeys() {
    assertThat(quire.run("restore", "no\u001b[31m", "--strategy", "demand"))
        .isEqualTo(ExitCode.USAGE);
    assertThat(quire.err()).startsWith("quire restore: no?[31m: no such directory").hasLineCount(1);
  }

  @Test
  void everyStrategyIsAPointWithTheExpectedMemory() throws IOException {
    Path json = results.resolve("r.json");
    Path page = results.resolve("r.html");
    int exit =
        quire.run(
            "restore",
            snapshot,
            "--strategy",
            "eager-write,eager-memcpy,uffd-copy,uffd-continue,populate-write,prefault,demand",
            "--json",
            json.toString(),
            "--report",
            page.toString());
    assertThat(exit).as(quire.err()).isZero();
    List<Map<String, Object>> lines = lines(json);
    assertThat(lines.getFirst()).containsEntry("kind", "manifest");
    assertThat(points(lines))
        .hasSize(7)
        .allSatisfy(
            point -> {
              assertThat(figures(point).get("hash_matches")).isEqualTo(true);
              assertThat(figures(point).get("status")).isEqualTo("pass");
              assertThat(point.get("cost_model")).isEqualTo("x86-2025-03");
            });
    assertThat(points(lines).stream().map(point -> figures(point).get("restore_modelled_ns")))
        .allSatisfy(nanos -> assertThat((Long) nanos).isPositive());
    assertThat(lines.stream().map(line -> line.get("kind")))
        .contains("timeline", "exit", "counters");
    assertThat(Files.readString(page)).contains("uffd-continue on shmem");
    // The guest's console, once, and the table.
    assertThat(quire.out()).containsOnlyOnce("PASS hello-x86_64");
    assertThat(quire.err()).contains("strategy", "populate-write", "modelled, cost model");
  }

  @Test
  void measuredRestoresCountWhatIsLeftOfTheRun() throws IOException {
    Path json = results.resolve("r.json");
    String[] command = {
      "restore",
      snapshot,
      "--strategy",
      "demand,uffd-copy",
      "--measure",
      "--tlb",
      "skylake-sp,zen4",
      "--json",
      json.toString()
    };
    assertThat(quire.run(command)).as(quire.err()).isZero();
    assertThat(quire.err()).contains("TLB model, counted over the rest of the run", "zen4");
    List<Map<String, Object>> lines = lines(json);
    Map<?, ?> config = (Map<?, ?>) lines.getFirst().get("config");
    assertThat(config.get("tlb")).isEqualTo(List.of("skylake-sp", "zen4"));
    long rest =
        (Long) figures(points(lines).getFirst()).get("instructions")
            - (Long) config.get("at_instruction");
    List<Map<String, Object>> totals =
        lines.stream()
            .filter(line -> line.get("kind").equals("counters") && line.get("geometry") != null)
            .filter(line -> line.get("vcpu").equals("total"))
            .toList();
    assertThat(totals)
        .hasSize(4)
        .allSatisfy(
            total -> {
              assertThat(total).containsEntry("mode", "measured").containsEntry("region", "whole");
              assertThat(total.get("instructions")).isEqualTo(rest);
              assertThat((Long) total.get("walks")).isPositive();
            });
  }

  @Test
  void whoRecordsAnewNeitherReadsNorLeavesARecord() throws IOException {
    Path json = results.resolve("r.json");
    String[] command = {
      "restore",
      snapshot,
      "--strategy",
      "record-prefetch",
      "--record-anew",
      "--json",
      json.toString(),
      "--quiet"
    };
    for (int round = 0; round < 2; round++) {
      assertThat(quire.run(command)).as(quire.err()).isZero();
      assertThat(points(lines(json))).hasSize(2);
    }
    try (Stream<Path> beside = Files.list(Path.of(snapshot).getParent())) {
      assertThat(beside.map(Path::toString)).noneMatch(name -> name.contains("working-set"));
    }
  }

  @Test
  void pricesAreThoseOfTheGuestsArchitecture() {
    RestoreOptions options = new RestoreOptions();
    options.chooseCosts(GuestArchitecture.ARM64);
    assertThat(options.costModel).isEqualTo("altra");
    options.chooseCosts(GuestArchitecture.X86_64);
    assertThat(options.costModel).isEqualTo("altra");
    RestorePrices prices = new RestorePrices(CostFiles.load("altra"));
    for (HostWork work : HostWork.values()) {
      assertThat(prices.nanos(work)).as(work.priceName()).isPositive();
    }
  }

  @Test
  void theWorkingSetIsRecordedOnce() throws IOException {
    Path set = results.resolve("ws");
    Path json = results.resolve("r.json");
    String[] command = {
      "restore",
      snapshot,
      "--strategy",
      "record-prefetch",
      "--working-set",
      set.toString(),
      "--json",
      json.toString(),
      "--quiet"
    };
    assertThat(quire.run(command)).as(quire.err()).isZero();
    assertThat(points(lines(json))).hasSize(2);
    assertThat(figures(points(lines(json)).getLast()).get("messages")).isEqualTo(0L);
    assertThat(quire.run(command)).isZero();
    assertThat(points(lines(json))).hasSize(1);
    Files.writeString(set, "something else");
    assertThat(quire.run(command)).isEqualTo(ExitCode.USAGE);
    assertThat(quire.err()).contains(set.toString(), "not a working set");
  }

  @Test
  void whatALimitCutShortIsNoRecord() {
    Path set = results.resolve("ws");
    String command = "restore " + snapshot + " --quiet --strategy record-prefetch --working-set ";
    assertThat(quire.run((command + set + " --max-instructions 40000").split(" ")))
        .isEqualTo(ExitCode.LIMIT);
    assertThat(set).doesNotExist();
    assertThat(quire.run((command + results.resolve("none/ws")).split(" ")))
        .isEqualTo(ExitCode.USAGE);
    assertThat(quire.err()).contains("the working set cannot be kept", "--record-anew");
  }

  @Test
  void otherMemoryThanExpectedIsAFailure() {
    assertThat(quire.run("restore", forged, "--strategy", "demand")).isEqualTo(ExitCode.FAILED);
    assertThat(quire.err()).contains("demand: memory hash", "DIFFERS");
  }

  @Test
  void aLimitIsALimit() {
    assertThat(
            quire.run("restore", snapshot, "--strategy", "demand", "--max-instructions", "60000"))
        .isEqualTo(ExitCode.LIMIT);
  }

  /** A handler of the user's that gives up. */
  public static final class GivesUp implements UffdHandler {
    public GivesUp(PageAnswer answer) {
      assertThat(answer).isEqualTo(PageAnswer.COPY);
    }

    @Override
    public String name() {
      return "gives up";
    }

    @Override
    public void fault(PageFault fault, UffdOps ops) {
      throw new IllegalStateException("nothing to give");
    }
  }

  @Test
  void aDeadHandlerIsAFailureThatSaysWhy() throws IOException {
    Path json = results.resolve("r.json");
    int exit =
        quire.run(
            "restore",
            snapshot,
            "--strategy",
            "uffd-copy",
            "--handler",
            "class:" + GivesUp.class.getName(),
            "--json",
            json.toString());
    assertThat(exit).isEqualTo(ExitCode.FAILED);
    assertThat(quire.err()).contains("handler_dead", "gives up", "nothing to give");
    assertThat(lines(json))
        .anySatisfy(
            line -> assertThat(line).containsEntry("status", "handler_dead").containsKey("reason"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--strategy lazy | unknown strategy 'lazy'; choose from eager-write",
        "--strategy demand --host-pages hugetlb-2m | uffd-copy",
        "--strategy eager-write --host-kernel linux-6.18 | rfc-write",
        "--strategy demand --host-kernel linux-5 | unknown host kernel 'linux-5'",
        "--strategy prefault --host-pages gmem --dirty-log | logs no dirty pages",
        "--strategy demand --host-pages 16k:4k | unknown host page policy",
        "--strategy demand --host-pages 64k:64k | arm64",
        "--strategy uffd-copy --handler magic | unknown --handler 'magic'",
        "--strategy uffd-copy --handler block:12 | power of two",
        "--strategy uffd-copy --handler class:no.Such | no such class",
        "--strategy uffd-copy --handler-deadline 0 | out of range",
        "--strategy uffd-copy --readers 0 | 1 to 64",
        "--strategy demand --page-cache hot | cold, warm",
        "--strategy demand --cost-model cray | unknown machine 'cray'",
        "--strategy demand --timeout 0 | out of range",
        "--strategy demand --tlb zen4 | --tlb needs --measure",
        "--strategy record-prefetch --record-anew --working-set w | exclude each other",
      })
  void badUsageIsRefusedInOneLine(String options, String part) {
    String[] command =
        Stream.concat(Stream.of("restore", snapshot), Stream.of(options.split(" ")))
            .toArray(String[]::new);
    assertThat(quire.run(command)).isEqualTo(ExitCode.USAGE);
    assertThat(quire.err().strip().lines()).hasSize(1);
    assertThat(quire.err()).contains(part);
  }

  @Test
  void whatIsNoSnapshotIsRefused() {
    assertThat(quire.run("restore", results.toString(), "--strategy", "demand"))
        .isEqualTo(ExitCode.USAGE);
    assertThat(quire.err()).contains(results.toString());
  }
}
