module.exports = {
  testEnvironment: 'node',
  modulePathIgnorePatterns: ['<rootDir>/jupyterlab_stac/', '<rootDir>/lib/'],
  testMatch: ['<rootDir>/src/**/*.spec.ts'],
  transform: {
    '^.+\\.ts$': [
      'ts-jest',
      {
        diagnostics: false,
        tsconfig: { module: 'commonjs', target: 'ES2022', esModuleInterop: true, isolatedModules: true, moduleResolution: 'node10', ignoreDeprecations: '5.0' }
      }
    ]
  },
  collectCoverageFrom: ['src/model/*.ts', 'src/*.ts', '!src/index.ts', '!src/gis.ts', '!src/notebooks.ts', '!src/tokens.ts', '!src/stac.ts'],
  coverageReporters: ['text'],
  coverageThreshold: { global: { statements: 85 } },
  maxWorkers: 1
};
