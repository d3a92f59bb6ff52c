// SPDX-License-Identifier: Apache-2.0
#include "console/assets.h"

/* ASSETS is the folder of this file: CMakeLists.txt sets it. */
ASSET(console_html, ASSETS "/page.html");
ASSET(console_css, ASSETS "/page.css");
ASSET(console_js, ASSETS "/page.js");
