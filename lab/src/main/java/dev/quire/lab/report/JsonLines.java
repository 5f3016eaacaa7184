package dev.quire.lab.report;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonFactoryBuilder;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.StreamWriteFeature;
import dev.quire.emulator.json.JsonValues;
import dev.quire.lab.tlb.MeasuredCounts;
import java.io.Closeable;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.util.Map;

/**
 * Results as JSON lines: one object a line, {@code kind} first, flushed line by line. One thread.
 * What may differ between two identical runs stands under {@code engine} or ends in {@code
 * wall_ns}.
 */
public final class JsonLines implements Closeable {
  private final String name;
  private final JsonGenerator json;

  /**
   * @param name of the target, for messages
   */
  public JsonLines(String name, OutputStream target) throws IOException {
    this.name = name;
    JsonFactory factory =
        new JsonFactoryBuilder()
            .rootValueSeparator("\n")
            .disable(StreamWriteFeature.AUTO_CLOSE_CONTENT)
            .build();
    json = factory.createGenerator(target);
  }

  public void manifest(Manifest manifest) {
    row("manifest", manifest.members());
  }

  /** Text of the guest's console, whole lines where there are any. */
  public void console(String text) {
    line("console", () -> json.writeStringField("text", text));
  }

  /** The end of a run: exit, counters of each virtual CPU and in total, summary. */
  public void outcome(RunOutcome outcome) {
    line(
        "exit",
        () -> {
          json.writeStringField("status", outcome.status().jsonName());
          json.writeStringField("reason", outcome.reason());
          if (outcome.memoryHash() != null) {
            json.writeStringField("memory_hash", outcome.memoryHash());
          }
        });
    for (int vcpu = 0; vcpu < outcome.vcpus().size(); vcpu++) {
      counters(Integer.toString(vcpu), outcome.vcpus().get(vcpu), outcome);
    }
    counters("total", outcome.total(), outcome);
    for (MeasuredCounts measured : outcome.measured()) {
      row("counters", measured.members());
    }
    line(
        "summary",
        () -> {
          json.writeStringField("status", outcome.status().jsonName());
          json.writeNumberField("instructions", outcome.total().instructions());
          json.writeNumberField("virtual_ns", outcome.virtualNanos());
          json.writeNumberField("wall_ns", outcome.wallNanos());
        });
  }

  private void counters(String vcpu, RunOutcome.Counts counts, RunOutcome machine) {
    line(
        "counters",
        () -> {
          json.writeFieldName("vcpu");
          if (vcpu.equals("total")) {
            json.writeString(vcpu);
          } else {
            json.writeNumber(Integer.parseInt(vcpu));
          }
          json.writeNullField("geometry");
          json.writeStringField("mode", machine.measured().isEmpty() ? "functional" : "measured");
          json.writeNumberField("instructions", counts.instructions());
          json.writeNumberField("guest_faults", counts.guestFaults());
          json.writeNumberField("stage2_faults", counts.stage2Faults());
          json.writeNumberField("interrupts", counts.interrupts());
          fields("exceptions", counts.exceptions());
          fields("page_faults", counts.pageFaults());
          fields("exits", counts.exits());
          fields("mmu", counts.mmu());
          if (vcpu.equals("total")) {
            fields("pages_touched", machine.pagesTouched());
            fields("kernel", machine.kernel());
          }
          fields("engine", counts.engine());
        });
  }

  /** One row of free fields: strings, numbers, booleans, null, or lists and maps of them. */
  public void row(String kind, Map<String, ?> values) {
    line(kind, () -> members(values));
  }

  private void fields(String name, Map<String, ?> values) throws IOException {
    json.writeObjectFieldStart(name);
    members(values);
    json.writeEndObject();
  }

  private void members(Map<String, ?> values) throws IOException {
    for (Map.Entry<String, ?> entry : values.entrySet()) {
      json.writeFieldName(entry.getKey());
      JsonValues.write(json, entry.getValue());
    }
  }

  /** Writes the members of one line. */
  private interface Members {
    void write() throws IOException;
  }

  private void line(String kind, Members members) {
    try {
      json.writeStartObject();
      json.writeStringField("kind", kind);
      members.write();
      json.writeEndObject();
      json.flush();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write " + name, e);
    }
  }

  @Override
  public void close() {
    try {
      json.writeRaw('\n');
      json.close();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write " + name, e);
    }
  }
}
