//go:build race

package app_test

// raceEnabled: modernc's SQLite is about thirty times slower under the race
// detector, so those runs leave the heavy tests on it out.
const raceEnabled = true
