/** Text files in YAML as trees that know their lines, for messages that do too. */
package dev.quire.lab.yaml;
