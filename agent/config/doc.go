// Package config reads the configuration of a gateway's agent, a TOML file
// written by a person.
//
// Nothing in the file is ignored and nothing is guessed: an unknown key is a
// problem, as is a value out of range. All problems are reported at once, each
// with file, line and column, and with the nearest known name where a name was
// mistyped. Relative paths start at the directory of the file. Environment
// variables and ~ are not expanded. The file holds no secret, and a URL with a
// password in it is refused without being shown.
//
// example.toml beside this file shows every key; Example returns it.
package config
