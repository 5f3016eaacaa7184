/** Results as JSON lines and as text: pure functions of what a run counted. */
package dev.quire.lab.report;
