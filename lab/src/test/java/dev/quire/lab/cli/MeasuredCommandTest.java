package dev.quire.lab.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Measured runs from the command line, on real machines. */
class MeasuredCommandTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  private int run(String... args) {
    out.reset();
    err.reset();
    PrintStream outStream = new PrintStream(out, true, StandardCharsets.UTF_8);
    PrintStream errStream = new PrintStream(err, true, StandardCharsets.UTF_8);
    return Quire.run(
        args,
        new Invocation(outStream, errStream, false, false, false, "", null, new MachineRunner()));
  }

  private List<JsonNode> lines(String kind, String... args) throws JsonProcessingException {
    assertThat(run(args)).as(err.toString(StandardCharsets.UTF_8)).isZero();
    List<JsonNode> lines = new ArrayList<>();
    for (String line : out.toString(StandardCharsets.UTF_8).strip().split("\n")) {
      JsonNode node = JSON.readTree(line);
      if (node.get("kind").asText().equals(kind)) {
        lines.add(node);
      }
    }
    return lines;
  }

  @Test
  void everyVcpuAndTheirSumStandInTheResultsOfEachGeometry() throws JsonProcessingException {
    String[] command = {
      "boot", "smp-x86_64", "--measure", "--tlb", "skylake-sp,zen4", "--json", "-"
    };
    List<JsonNode> counters = lines("counters", command);
    // Four vCPUs and the total: of the machine, and of two geometries.
    assertThat(counters).hasSize(15);
    for (int geometry = 1; geometry <= 2; geometry++) {
      JsonNode total = counters.get(5 * geometry + 4);
      assertThat(total.get("vcpu").asText()).isEqualTo("total");
      assertThat(total.get("mode").asText()).isEqualTo("measured");
      assertThat(total.get("geometry").asText()).isEqualTo(geometry == 1 ? "skylake-sp" : "zen4");
      for (String field : List.of("instructions", "guest_faults", "stage2_faults", "walks")) {
        assertThat(sum(counters, geometry, "/" + field)).isEqualTo(total.get(field).asLong());
      }
      for (String level : List.of("L1I", "L1D", "L2")) {
        for (String count : List.of("access", "hit", "miss", "fill")) {
          String path = "/tlb/" + level + "/" + count;
          assertThat(sum(counters, geometry, path)).as(path).isEqualTo(total.at(path).asLong());
        }
        JsonNode counts = total.at("/tlb/" + level);
        assertThat(counts.get("hit").asLong() + counts.get("miss").asLong())
            .isEqualTo(counts.get("access").asLong());
      }
      assertThat(total.at("/tlb/L1D/access").asLong()).isPositive();
    }
    assertThat(lines("counters", command).subList(5, 15)).isEqualTo(counters.subList(5, 15));
  }

  private static long sum(List<JsonNode> counters, int geometry, String path) {
    long sum = 0;
    for (int vcpu = 0; vcpu < 4; vcpu++) {
      sum += counters.get(5 * geometry + vcpu).at(path).asLong();
    }
    return sum;
  }

  @Test
  void theSummaryHasARowForEachGeometry() {
    assertThat(run("boot", "gups-x86_64", "--measure", "--tlb", "skylake-sp,zen4")).isZero();
    assertThat(err.toString(StandardCharsets.UTF_8))
        .contains("TLB model, counted over the region that the guest marked")
        .containsPattern("skylake-sp +[0-9,]+")
        .containsPattern("zen4 +[0-9,]+");
    assertThat(run("boot", "hello-arm64", "--measure")).isZero();
    assertThat(err.toString(StandardCharsets.UTF_8))
        .contains("TLB model, counted over the whole run")
        .containsPattern("neoverse-n1 +[0-9,]+");
  }

  /** Linux maps at most 4 KiB at stage 2 there, and this core has no page aggregation. */
  @Test
  void folioesBelow2mChangeNothingInTheGuestsTlb() throws JsonProcessingException {
    List<JsonNode> points =
        lines(
            "point",
            "tlb",
            "gups-arm64",
            "--guest-pages",
            "4k,64k-cont",
            "--host-pages",
            "4k,mthp-64k,mthp-64k+contpte",
            "--tlb",
            "ampere-altra",
            "--json",
            "-",
            "--",
            "mib=4");
    assertThat(points).hasSize(6);
    for (int guestPages = 0; guestPages < 2; guestPages++) {
      JsonNode base = points.get(3 * guestPages);
      JsonNode large = points.get(3 * guestPages + 1);
      JsonNode whatIf = points.get(3 * guestPages + 2);
      assertThat(large.get("figures")).isEqualTo(base.get("figures"));
      assertThat(large.get("hypothetical").asBoolean()).isFalse();
      assertThat(whatIf.get("hypothetical").asBoolean()).isTrue();
      assertThat(base.at("/axes/guest").asText()).isEqualTo("gups-arm64");
      assertThat(base.at("/axes/footprint_bytes").asLong()).isEqualTo(4 << 20);
    }
    long without = points.get(4).at("/figures/l1_misses").asLong();
    assertThat(points.get(5).at("/figures/l1_misses").asLong()).isLessThan(without / 2);
  }

  @Test
  void aWhatIfIsMarkedInResultsAndSummary() throws JsonProcessingException {
    String[] command = {"boot", "hello-arm64", "--measure", "--host-pages", "", "--json", "-"};
    for (boolean whatIf : new boolean[] {false, true}) {
      command[4] = whatIf ? "mthp-64k+contpte" : "mthp-64k";
      for (JsonNode line : lines("counters", command)) {
        if (!line.get("geometry").isNull()) {
          assertThat(line.get("hypothetical").asBoolean()).isEqualTo(whatIf);
        }
      }
      String summary = err.toString(StandardCharsets.UTF_8);
      assertThat(summary.contains("neoverse-n1* ")).as(summary).isEqualTo(whatIf);
      assertThat(summary.contains("* hypothetical: a second stage")).isEqualTo(whatIf);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "boot hello-x86_64 --tlb zen4|2|--tlb needs --measure",
        "boot hello-x86_64 --measure --tlb zen9|2|unknown TLB preset 'zen9'",
        "tlb|2|name a guest, or accesses to replay by --stream",
        "tlb hello-x86_64 --stream uniform:|2|give a guest or --stream, not both",
        "tlb hello-x86_64 --native|2|are for streams",
        "tlb hello-x86_64 --smp 99|2|--smp 99 is out of range: 1 to 8",
        "tlb gups-x86_64 --guest-pages 64k-cont|2|arm64's guest pages '64k-cont'",
        "tlb hello-x86_64 --guest-pages 2m|2|hello-x86_64 has no choice of pages: leave"
            + " --guest-pages out, or take one of stream-x86_64, gups-x86_64, chase-x86_64,"
            + " btree-x86_64,",
        "tlb gups-x86_64 --guest-pages 2m -- pages=4k|2|--guest-pages and the guest's pages= are",
        "tlb panic-x86_64|1|the guest ended with fail",
      })
  void mistakesAreOneLine(String command, int exitCode, String message) {
    assertThat(run(command.split(" "))).isEqualTo(exitCode);
    assertThat(err.toString(StandardCharsets.UTF_8)).contains(message).doesNotContain("\tat ");
  }
}
