package dev.quire.lab.replay;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.json.JsonValues;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ComparisonTest {
  private static final String SEG =
      "{'page':0,'n':4,'kind':'anon','order':2,'off':0,'excl':1,'mapcount':1}";
  private static final String SEEN =
      ("{'ret':0,'errno':0,'minflt':1,'majflt':0,'touched':4,'pfn_same':0,'pfn_changed':0,"
              + "'newly_present':4,'gone':0,'segs':["
              + SEG
              + "],'vmas':[],"
              + "'thp':{'16kB.anon_fault_alloc':1,'16kB.nr_anon':1},"
              + "'vmstat':{'pgfault':1,'thp_split_pmd':1,'thp_zero_page_alloc':1}}")
          .replace('\'', '"');

  private static Map<String, Object> json(String text) {
    return new LinkedHashMap<>(JsonValues.object(text.replace('\'', '"')));
  }

  private static List<Difference> compare(
      String recorded, String seen, boolean reliable, boolean spuriousFaults) {
    List<Difference> differences = new ArrayList<>();
    new Comparison(7, OpParser.parse("state"), differences)
        .compare(json(recorded), json(seen), reliable, spuriousFaults);
    return differences;
  }

  private static String recorded() {
    return SEEN.replace("\"pgfault\":1,", "").replace(",\"thp_zero_page_alloc\":1", "");
  }

  @Test
  void theSameAnswerHasNoDifferences() {
    assertThat(compare(recorded(), SEEN, true, false)).isEmpty();
  }

  @ParameterizedTest(name = "{0} -> {1}")
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "'ret':0 | 'ret':-1 | ret",
        "'ret':0 | 'ret':'0' | ret",
        "'errno':0 | 'errno':12 | errno",
        "'minflt':1 | 'minflt':2 | minflt",
        "'majflt':0 | 'majflt':1 | majflt",
        "'touched':4 | 'touched':3 | touched",
        "'pfn_same':0 | 'pfn_same':1 | pfn_same",
        "'newly_present':4 | 'newly_present':5 | newly_present",
        "'gone':0 | 'gone':4 | gone",
        "'ret':0 | 'ret':0,'signal':11 | signal",
        "'ret':0 | 'ret':0,'invented':1 | invented",
        "'n':4 | 'n':3 | segs[0 of 1]",
        "'kind':'anon' | 'kind':'file' | segs[0 of 1]",
        "'mapcount':1 | 'mapcount':1,'dirty':0 | segs[0 of 1]",
        "'vmas':[] | 'vmas':[{}] | vmas[0 of 1]",
        "'vmas':[] | 'vmas':null | vmas",
        "'16kB.nr_anon':1 | '16kB.nr_anon':2 | thp.16kB.nr_anon",
        "'16kB.nr_anon':1 | '16kB.nr_anon':1,'64kB.split':1 | thp.64kB.split",
        "'16kB.anon_fault_alloc':1, | '64kB.split':0, | thp.16kB.anon_fault_alloc",
        "'thp_split_pmd':1 | 'thp_split_page':0 | vmstat.thp_split_pmd",
        "'thp_split_pmd':1 | 'thp_split_pmd':1,'thp_split_page':1 | vmstat.thp_split_page",
        "'thp_split_pmd':1 | 'thp_split_pmd':1,'pgfault':2 | vmstat.pgfault"
      })
  void everyOtherAnswerIsADifference(String before, String after, String field) {
    String changed = recorded().replace(before.replace('\'', '"'), after.replace('\'', '"'));
    assertThat(changed).isNotEqualTo(recorded());
    assertThat(compare(changed, SEEN, true, false))
        .singleElement()
        .satisfies(
            difference -> {
              assertThat(difference.op()).isEqualTo(7);
              assertThat(difference.field()).isEqualTo(field);
              assertThat(difference.expected()).isNotEqualTo(difference.got());
            });
  }

  @Test
  void aSignalThatWasNotRecordedIsADifference() {
    assertThat(compare(recorded(), SEEN.replace("{\"ret\"", "{\"signal\":11,\"ret\""), true, false))
        .singleElement()
        .hasToString("op 7 'state': signal: expected none, got 11");
  }

  @Test
  void listsOfOtherLengths() {
    String two = recorded().replace("[" + SEG.replace('\'', '"'), "[{},{}");
    assertThat(two).isNotEqualTo(recorded());
    assertThat(compare(recorded().replace("\"segs\":[", "\"segs\":[{},"), SEEN, true, false))
        .singleElement()
        .satisfies(difference -> assertThat(difference.field()).isEqualTo("segs[0 of 2]"));
    assertThat(
            compare(recorded(), SEEN.replace("\"segs\":[", "\"segs\":[" + SEG + ","), true, false))
        .singleElement()
        .satisfies(difference -> assertThat(difference.field()).isEqualTo("segs[1 of 1]"));
  }

  @Test
  void theSmallestSizeIsComparedWhereItWasRecorded() {
    String seen = SEEN.replace("\"16kB.nr_anon\":1", "\"16kB.nr_anon\":1,\"8kB.split\":1");
    assertThat(compare(recorded(), seen, true, false)).isEmpty();
    String other = recorded().replace("\"16kB.nr_anon\":1", "\"16kB.nr_anon\":1,\"8kB.split\":2");
    assertThat(compare(other, seen, true, false))
        .singleElement()
        .hasToString("op 7 'state': thp.8kB.split: expected 2, got 1");
  }

  @Test
  void mincoresAnswerMayStandInMembersOfItsOwnAlone() {
    String refused =
        "{\"ret\":-1,\"errno\":12,\"mincore_ret\":-1,\"mincore_errno\":12,\"incore\":[]}";
    String apart = refused.replace("\"ret\":-1,\"errno\":12", "\"ret\":0,\"errno\":0");
    assertThat(compare(refused, refused, true, false)).isEmpty();
    assertThat(compare(apart, refused, true, false)).isEmpty();
    assertThat(compare(apart, apart.replace("_errno\":12", "_errno\":14"), true, false)).hasSize(1);
    assertThat(compare(refused, apart, true, false)).hasSize(2);
  }

  @Test
  void unreliableCountersAreNotCompared() {
    String other = recorded().replace("\"16kB.nr_anon\":1", "\"16kB.nr_anon\":2");
    assertThat(compare(other, SEEN, false, false)).isEmpty();
    assertThat(compare(other, SEEN, true, false)).hasSize(1);
  }

  @ParameterizedTest
  @CsvSource({"1,true", "2,true", "3,false", "0,false"})
  void oneMinorFaultTooManyIsToleratedAfterAPmdWasWriteProtected(int recorded, boolean passes) {
    String text = recorded().replace("\"minflt\":1", "\"minflt\":" + recorded);
    assertThat(compare(text, SEEN, true, true).isEmpty()).isEqualTo(passes);
    assertThat(compare(text, SEEN, true, false).isEmpty()).isEqualTo(recorded == 1);
  }
}
