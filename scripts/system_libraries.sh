#!/bin/sh
# Install what pip cannot: Python's venv module, a virtual screen, and the libraries Qt needs for a window.
# Does nothing where they are there, or where the system is not Debian or Ubuntu.
set -eu
command -v apt-get >/dev/null 2>&1 || { echo "Not Debian or Ubuntu: see README for the system libraries."; exit 0; }
wanted="xvfb xauth libgl1 libegl1 libopengl0 libgl1-mesa-dri libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4
libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 libxcb-shape0 libxcb-xinerama0 libxcb-xfixes0
libdbus-1-3 libfontconfig1"
missing=""
for package in $wanted; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q "install ok installed" || missing="$missing $package"
done
python3 -c "import ensurepip, venv" 2>/dev/null || missing="$missing python3-venv"
[ -z "$missing" ] && exit 0
sudo=""
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null 2>&1 || { echo "Please install as root:$missing"; exit 1; }
  sudo="sudo"
fi
echo "Installing system libraries:$missing"
$sudo apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
