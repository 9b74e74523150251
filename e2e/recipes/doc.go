// Package recipes runs docs/recipes.md: its commands and configurations, as they are printed
// there, against the real servers from Debian's packages. What runs is other people's programs and
// ours as it is built: the race detector has nothing to see here.
package recipes
