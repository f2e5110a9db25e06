// Package readme holds the test that keeps the README true.
package readme
