package dev.quire.lab.report;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What a result was made with: the first line of every JSON file.
 *
 * @param version of Quire
 * @param commit of Quire
 * @param jdk version of the Java runtime
 * @param unicorn version of the CPU core, null if it was not there
 * @param host operating system, architecture and number of processors
 * @param seed of every random choice
 * @param config every setting that decides the result; values are strings, numbers or booleans
 */
public record Manifest(
    String version,
    String commit,
    String jdk,
    String unicorn,
    String host,
    long seed,
    Map<String, Object> config) {
  /** The members of the JSON line. */
  public Map<String, Object> members() {
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("version", version);
    members.put("commit", commit);
    members.put("jdk", jdk);
    members.put("unicorn", unicorn);
    members.put("host", host);
    members.put("seed", seed);
    members.put("config", config);
    return members;
  }
}
